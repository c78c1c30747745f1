package activity_test

import (
	"context"
	stdjson "encoding/json"
	"testing"

	"switchyard/pipeline/activity"
)

// TestInputs: what is wrong with an input is told with the property's name, its
// first mistake only.
func TestInputs(t *testing.T) {
	web := func(props string) string { return `{"method":"GET","url":"http://127.0.0.1:1/"` + props + `}` }
	auth := func(props string) string { return web(`,"authentication":` + props) }
	send := func(props string) string { return `{"queueName":"q","body":1` + props + `}` }
	for _, c := range []struct{ typ, input, code, want string }{
		{"WebActivity", web(`,"zork":1`), "NotSupported", "The property 'zork' of a Web activity is not supported."},
		{"WebActivity", web(`,"zork":null`), "NotSupported", "The property 'zork' of a Web activity is not supported."},
		{"WebActivity", web(`,"datasets":[1]`), "NotSupported", "The property 'datasets' of a Web activity is not supported."},
		{"WebActivity", web(`,"connectVia":{"referenceName":"mine"}`), "NotSupported", "The integration runtime 'mine' is not supported."},
		{"WebActivity", `{"url":"http://a/"}`, "BadRequest", "The property 'method' of a Web activity is required."},
		{"WebActivity", `{"method":[],"url":"http://a/"}`, "BadRequest", "The value of 'method' must be a string."},
		{"WebActivity", `{"method":"BREW","url":"http://a/"}`, "NotSupported", "The method 'BREW' of a Web activity is not supported."},
		{"WebActivity", `{"method":"GET"}`, "BadRequest", "Invalid URI: the value of 'url' must be an absolute http or https address."},
		{"WebActivity", `{"method":"GET","url":{}}`, "BadRequest", "The value of 'url' must be a string."},
		{"WebActivity", web(`,"headers":[]`), "BadRequest", "The value of 'headers' must be an object."},
		{"WebActivity", web(`,"headers":{"X":[]}`), "BadRequest", "The value of the header 'X' must be a string."},
		{"WebActivity", `{"method":"POST","url":"http://a/"}`, "BadRequest", "The property 'body' of a Web activity is required for the method POST."},
		{"WebActivity", web(`,"httpRequestTimeout":"soon"`), "BadRequest", "The value 'soon' of 'httpRequestTimeout' is no timespan."},
		{"WebActivity", web(`,"httpRequestTimeout":"00:10:01"`), "BadRequest", "The value '00:10:01' of 'httpRequestTimeout' must be at most 00:10:00."},
		{"WebActivity", web(`,"turnOffAsync":3`), "BadRequest", "The value of 'turnOffAsync' must be a boolean."},
		{"WebActivity", web(`,"disableCertValidation":"maybe"`), "BadRequest", "The value of 'disableCertValidation' must be a boolean."},
		{"WebActivity", auth(`"x"`), "BadRequest", "The value of 'authentication' must be an object."},
		{"WebActivity", auth(`{"type":{}}`), "BadRequest", "The value of 'type' must be a string."},
		{"WebActivity", auth(`{"type":"Magic"}`), "NotSupported", "The authentication type 'Magic' of a Web activity is not supported."},
		{"WebActivity", auth(`{"username":"u","password":"p","pfx":"x"}`), "NotSupported", "The property 'pfx' of Basic authentication is not supported."},
		{"WebActivity", auth(`{"type":"Basic","username":"u"}`), "BadRequest", "The property 'password' is required."},
		{"WebActivity", auth(`{"username":"u","password":{"type":"AzureKeyVaultSecret","secretName":"s"}}`), "NotSupported",
			"The secret 'password' of type 'AzureKeyVaultSecret' is not supported."},
		{"WebActivity", auth(`{"username":"u","password":7}`), "BadRequest", "The value of 'password' must be a string or a SecureString."},
		{"WebActivity", auth(`{"type":"MSI","resource":""}`), "BadRequest", "The property 'resource' of MSI authentication is required."},
		{"WebActivity", auth(`{"type":"MSI"}`), "BadRequest", "The property 'resource' of MSI authentication is required."},
		{"WebActivity", auth(`{"type":"MSI","resource":"r","credential":1}`), "BadRequest", "The value of 'credential' must be an object."},
		{"WebActivity", auth(`{"type":"MSI","resource":"r"}`), "NotSupported",
			"The authentication type 'MSI' is not supported: there is no managed identity."},
		{"WebActivity", auth(`{"type":"ServicePrincipal","servicePrincipalId":"i","resource":"r"}`), "BadRequest",
			"The property 'userTenant' of ServicePrincipal authentication is required."},
		{"WebActivity", auth(`{"type":"ServicePrincipal","tenant":"t","resource":"r"}`), "BadRequest",
			"The property 'username' of ServicePrincipal authentication is required."},
		{"WebActivity", auth(`{"type":"ServicePrincipal","tenant":"t","username":"i","resource":"r"}`), "BadRequest",
			"The property 'password' is required."},
		{"ServiceBusSend", send(`,"partitionKey":"k"`), "NotSupported", "The property 'partitionKey' of a ServiceBusSend activity is not supported."},
		{"ServiceBusSend", `{"body":1}`, "BadRequest", "The property 'queueName' of a ServiceBusSend activity is required."},
		{"ServiceBusSend", `{"queueName":"","body":1}`, "BadRequest", "The property 'queueName' of a ServiceBusSend activity is required."},
		{"ServiceBusSend", send(`,"subject":[]`), "BadRequest", "The value of 'subject' must be a string."},
		{"ServiceBusSend", send(`,"timeToLive":"x"`), "BadRequest", "The value 'x' of 'timeToLive' is no timespan."},
		{"ServiceBusSend", send(`,"timeToLive":"00:00:00"`), "BadRequest", "The value '00:00:00' of 'timeToLive' must be positive."},
		{"ServiceBusSend", send(`,"applicationProperties":[]`), "BadRequest", "The value of 'applicationProperties' must be an object."},
		{"ServiceBusSend", send(`,"applicationProperties":{"p":{}}`), "BadRequest",
			"The value of 'p' in 'applicationProperties' must be a string, a number, a boolean or null."},
		{"ServiceBusSend", send(`,"settle":7`), "BadRequest", "The value of 'settle' must be an object or an array of objects."},
		{"ServiceBusSend", send(`,"settle":{"sequenceNumber":1,"outcome":"Complete","x":1}`), "NotSupported",
			"The property 'x' of 'settle' is not supported."},
		{"ServiceBusSend", send(`,"settle":[{"outcome":"Complete"}]`), "BadRequest",
			"The property 'sequenceNumber' or 'lockToken' of 'settle' is required."},
		{"ServiceBusSettle", `{"outcome":"Complete"}`, "BadRequest",
			"The property 'sequenceNumber' or 'lockToken' of a ServiceBusSettle activity is required."},
		{"ServiceBusSettle", `{"sequenceNumber":"x","outcome":"Complete"}`, "BadRequest",
			"The value 'x' of 'sequenceNumber' must be a positive integer."},
		{"ServiceBusSettle", `{"lockToken":"t","outcome":"Drop"}`, "BadRequest",
			"The value 'Drop' of 'outcome' must be Complete, Abandon, Defer or DeadLetter."},
		{"ServiceBusSettle", `{"lockToken":"t","outcome":"Defer","reason":"r"}`, "BadRequest",
			"The properties 'reason' and 'description' are for the outcome DeadLetter only."},
		{"ServiceBusSettle", `{"lockToken":"t","outcome":"Complete","propertiesToModify":{"a":1}}`, "BadRequest",
			"The property 'propertiesToModify' is not for the outcome Complete."},
	} {
		executors := map[string]activity.Executor{
			"WebActivity":      activity.NewWeb(activity.WebOptions{Clock: impatient{}}).Execute,
			"ServiceBusSend":   activity.ServiceBusSend{Bus: &bus{}}.Execute,
			"ServiceBusSettle": activity.ServiceBusSettle{Bus: &bus{}}.Execute,
		}
		res := executors[c.typ](context.Background(), &activity.Call{
			ActivityName: "A", ActivityType: c.typ, ActivityRunID: "aid", Input: parse(t, c.input),
			Binding: stdjson.RawMessage(`{}`),
			LinkedService: &activity.LinkedService{
				Name: "bus", Type: "AzureServiceBus", TypeProperties: parse(t, `{"fullyQualifiedNamespace":"ns"}`)},
		})
		if res.Err == nil || res.Err.Code != c.code || res.Err.Message != c.want || res.Err.FailureType != activity.UserError {
			t.Errorf("%s %s:\n got %+v\nwant %s: %s", c.typ, c.input, res.Err, c.code, c.want)
		}
	}
}
