package program

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"switchyard/infra/pulumi/program/azure"
)

// receivers is how many tickets are worked on at a time, and in Azure how many one
// run asks for.
const receivers = 8

// tickets is what differs between the targets: where a ticket comes from, how its
// parts are read, and what is done with it. Expressions are without the leading @.
type tickets struct {
	items    string     // of the ForEach
	receive  pulumi.Map // activity that fetches a ticket, nil when the item is one
	isTicket string
	text     string
	id       string
	answer   pulumi.Array // activities that send the result and complete the ticket
	reject   pulumi.Array // activities for what is no ticket
}

// pipeline declares the pipeline: for each ticket, which language is it in and how
// does its writer feel.
func (s *System) pipeline(ctx *pulumi.Context, c Config) (err error) {
	t, modelAudienceOrNone := s.overHTTP(), modelAudience
	args := azure.PipelineArgs{
		ResourceGroupName: s.Group.Name,
		FactoryName:       s.Factory.Name,
		PipelineName:      pulumi.String("AnswerTickets"),
		Description: pulumi.String(
			"Asks a language model about support tickets and sends what it found to the queue of results."),
	}
	if c.Target == Switchyard {
		t, modelAudienceOrNone = s.native(), ""
		args.Parameters = pulumi.Map{"messages": pulumi.Map{"type": pulumi.String("Array"),
			"defaultValue": pulumi.Array{}}}
	} else {
		// A schedule that comes round while a run is under way waits.
		args.Concurrency = pulumi.Int(1)
	}
	ask := func(name, kind string, dependsOn pulumi.Array, document pulumi.Map) pulumi.Map {
		return web(name, dependsOn, "POST",
			expression("@{pipeline().globalParameters.modelEndpoint}/language/:analyze-text?api-version=2023-04-01"),
			modelAudienceOrNone, pulumi.Map{
				"headers": pulumi.Map{"Content-Type": pulumi.String("application/json")},
				"body": pulumi.Map{"kind": pulumi.String(kind),
					"analysisInput": pulumi.Map{"documents": pulumi.Array{document}}},
			})
	}
	text := pulumi.String("@take(trim(" + t.text + "), 5000)")
	answer := pulumi.Array{
		ask("DetectLanguage", "LanguageDetection", after(), pulumi.Map{"id": pulumi.String("1"), "text": text}),
		ask("AnalyzeSentiment", "SentimentAnalysis", after("DetectLanguage"),
			pulumi.Map{"id": pulumi.String("1"), "text": text,
				"language": pulumi.String("@" + language + ".iso6391Name")}),
	}
	var each pulumi.Array
	dependsOn := after()
	if t.receive != nil {
		each, dependsOn = append(each, t.receive), after("ReceiveTicket")
	}
	each = append(each, activity("CheckTicket", "IfCondition", dependsOn, pulumi.Map{
		"expression":        expression("@" + t.isTicket),
		"ifTrueActivities":  append(answer, t.answer...),
		"ifFalseActivities": t.reject,
	}))
	args.Activities = pulumi.Array{activity("ForEachTicket", "ForEach", after(), pulumi.Map{
		"items":        expression("@" + t.items),
		"isSequential": pulumi.Bool(false),
		"batchCount":   pulumi.Int(receivers),
		"activities":   each,
	})}
	s.Pipeline, err = azure.NewPipeline(ctx, "AnswerTickets", args, s.goesWithFactory())
	return err
}

// Expressions for what the model answered. A language that the sentiment analysis
// does not know is an error of the document in a successful answer.
const (
	language  = "activity('DetectLanguage').output.results.documents[0].detectedLanguage"
	sentiment = "first(activity('AnalyzeSentiment').output.results.documents)"
)

// result is the body of the message that answers a ticket.
func (t tickets) result() pulumi.Map {
	return pulumi.Map{
		"ticket": pulumi.String("@" + t.id),
		"language": pulumi.Map{"code": pulumi.String("@" + language + ".iso6391Name"),
			"name": pulumi.String("@" + language + ".name")},
		"sentiment": pulumi.Map{"label": pulumi.String("@coalesce(" + sentiment + "?.sentiment, 'not available')"),
			"confidenceScores": pulumi.String("@" + sentiment + "?.confidenceScores")},
	}
}

// native: the trigger hands over messages that belong to the run; sending the result
// and completing the ticket is one commit.
func (s *System) native() tickets {
	t := tickets{
		items: "pipeline().parameters.messages",
		// A body may be anything that JSON can say. createArray and string never fail.
		isTicket: `if(startsWith(string(createArray(item()?['body'])), '[{'), startsWith(string(createArray(item().body?['text'])), '["'), false)`,
		text:     "item().body.text",
		id:       "coalesce(item()?['messageId'], string(item().sequenceNumber))",
	}
	t.answer = pulumi.Array{bus("SendResult", "ServiceBusSend", after("AnalyzeSentiment"), s.Bus.Name,
		pulumi.Map{
			"queueName":             s.Results.Name,
			"contentType":           pulumi.String("application/json"),
			"correlationId":         pulumi.String("@" + t.id),
			"applicationProperties": pulumi.Map{"pipelineRunId": pulumi.String("@pipeline().RunId")},
			"body":                  t.result(),
			"settle": pulumi.Map{"sequenceNumber": pulumi.String("@item().sequenceNumber"),
				"outcome": pulumi.String("Complete")},
		})}
	t.reject = pulumi.Array{bus("RejectTicket", "ServiceBusSettle", after(), s.Bus.Name, pulumi.Map{
		"sequenceNumber": pulumi.String("@item().sequenceNumber"),
		"outcome":        pulumi.String("DeadLetter"),
		"reason":         pulumi.String("NoTicket"),
		"description":    pulumi.String("A ticket is a JSON object with a text member named text."),
	})}
	return t
}

// overHTTP: each turn of the loop receives one message with peek-lock, if there is
// one, and deletes it by the URL of its lock when the result is sent. The two are
// two steps: after a failure in between, the ticket is answered again. What is no
// ticket stays locked, comes back, and goes to the dead-letter queue in the end.
func (s *System) overHTTP() tickets {
	const output = "activity('ReceiveTicket').output"
	const headers = output + ".ADFWebActivityResponseHeaders"
	t := tickets{
		items: fmt.Sprintf("range(0, %d)", receivers),
		receive: web("ReceiveTicket", after(), "POST",
			pulumi.Sprintf("https://%s/%s/messages/head?timeout=5", s.host(), s.Tickets.Name), busAudience,
			pulumi.Map{"body": pulumi.String(" ")}), // a POST must have a body; this one is not looked at
		// Without a message the answer is 204, and has no BrokerProperties.
		isTicket: "and(contains(" + headers + ", 'BrokerProperties'), contains(" + output + ", 'text'))",
		text:     output + ".text",
		id:       "coalesce(json(" + headers + ".BrokerProperties)?['MessageId'], '')",
		reject:   pulumi.Array{},
	}
	t.answer = pulumi.Array{
		web("SendResult", after("AnalyzeSentiment"), "POST",
			pulumi.Sprintf("https://%s/%s/messages", s.host(), s.Results.Name), busAudience, pulumi.Map{
				"headers": pulumi.Map{
					"Content-Type": pulumi.String("application/json"),
					"BrokerProperties": pulumi.String(`@concat('{"CorrelationId":"', replace(replace(` + t.id +
						`, '\', '\\'), '"', '\"'), '"}')`),
					"pipelineRunId": pulumi.String(`@concat('"', pipeline().RunId, '"')`),
				},
				"body": t.result(),
			}),
		web("CompleteTicket", after("SendResult"), "DELETE", expression("@"+headers+".Location"), busAudience, nil),
	}
	return t
}
