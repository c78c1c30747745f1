package datafactoryrp_test

import (
	"fmt"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"

	"switchyard/arm/armtest"
)

// TestDeleteWhileListing: a client that goes through a list and deletes what it finds finds
// everything, although what it deletes stands before the next page.
func TestDeleteWhileListing(t *testing.T) {
	f := open(t, armtest.NewStore()).group(t)
	const many = 250
	for i := range many {
		f.must(t, 200, "PUT", fmt.Sprintf("$DF/pipelines/%s%03d?$V", []string{"p", "P"}[i%2], i), `{"properties":{"activities":[]}}`)
		f.must(t, 200, "PUT", fmt.Sprintf("$DF/triggers/t%03d?$V", i), `{"properties":{"type":"ScheduleTrigger","typeProperties":{"recurrence":{"frequency":"Hour","interval":1}}}}`)
	}
	c := clients(t, f.k)
	pipelines, pages, seen := c.NewPipelinesClient(), 0, 0
	for pager := pipelines.NewListByFactoryPager("rg", "contoso", nil); pager.More(); pages++ {
		page, err := pager.NextPage(t.Context())
		check(t, err)
		for _, p := range page.Value {
			seen++
			check2(t)(pipelines.Delete(t.Context(), "rg", "contoso", *p.Name, nil))
		}
	}
	if seen != many || pages != 3 {
		t.Errorf("pipelines: found %d in %d pages, want %d in 3", seen, pages, many)
	}
	triggers, found := c.NewTriggersClient(), 0
	for query := (armdatafactory.TriggerFilterParameters{}); ; {
		page, err := triggers.QueryByFactory(t.Context(), "rg", "contoso", query, nil)
		check(t, err)
		for _, x := range page.Value {
			found++
			check2(t)(triggers.Delete(t.Context(), "rg", "contoso", *x.Name, nil))
		}
		if query.ContinuationToken = page.ContinuationToken; query.ContinuationToken == nil {
			break
		}
	}
	if found != many {
		t.Errorf("triggers: found %d, want %d", found, many)
	}
	f.must(t, 400, "GET", "$DF/pipelines?$V&$skiptoken=!", "")
	f.must(t, 400, "POST", "$DF/querytriggers?$V", `{"continuationToken":"!"}`)
}
