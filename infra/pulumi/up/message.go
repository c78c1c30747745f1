package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// answered is the message that answered a ticket.
type answered struct {
	run  string // that sent it
	body string // indented JSON
}

// sendAndReceive sends a ticket and waits for its answer, as any client of Service
// Bus does: with the connection string that the stack exports.
func sendAndReceive(ctx context.Context, out map[string]string, text string) (answered, error) {
	client, err := azservicebus.NewClientFromConnectionString(out["service_bus_connection_string"], nil)
	if err != nil {
		return answered{}, err
	}
	defer client.Close(context.WithoutCancel(ctx))
	sender, err := client.NewSender(out["service_bus_queue_name"], nil)
	if err != nil {
		return answered{}, err
	}
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return answered{}, err
	}
	const id = "ticket-1"
	if err := sender.SendMessage(ctx, &azservicebus.Message{MessageID: to.Ptr(id),
		ContentType: to.Ptr("application/json"), Body: body}, nil); err != nil {
		return answered{}, fmt.Errorf("send: %w", err)
	}
	receiver, err := client.NewReceiverForQueue(out["service_bus_results_queue_name"], nil)
	if err != nil {
		return answered{}, err
	}
	messages, err := receiver.ReceiveMessages(ctx, 1, nil)
	if err != nil {
		return answered{}, fmt.Errorf("receive from %s: %w", out["service_bus_results_queue_name"], err)
	}
	m := messages[0]
	if m.CorrelationID == nil || *m.CorrelationID != id {
		return answered{}, fmt.Errorf("the result's correlation id is %v, want %s", m.CorrelationID, id)
	}
	if err := receiver.CompleteMessage(ctx, m, nil); err != nil {
		return answered{}, fmt.Errorf("complete: %w", err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, m.Body, "        ", "  "); err != nil {
		return answered{}, fmt.Errorf("the result is not JSON: %w", err)
	}
	run, _ := m.ApplicationProperties["pipelineRunId"].(string)
	return answered{run: run, body: pretty.String()}, nil
}
