package datafactoryrp_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/datafactory/armdatafactory/v9"
)

// sampleOf fills a value of the typed model and returns the properties of the definition that
// it is a part of.
func sampleOf(v any) any {
	s := &sampler{}
	s.fill(reflect.ValueOf(v).Elem(), "", 0)
	switch v := v.(type) {
	case armdatafactory.ActivityClassification:
		return s.pipeline(v)
	case armdatafactory.CopySourceClassification:
		return s.pipeline(&armdatafactory.CopyActivity{Name: to.Ptr("A"), TypeProperties: &armdatafactory.CopyActivityTypeProperties{
			Source: v, Sink: &armdatafactory.JSONSink{}}})
	case armdatafactory.CopySinkClassification:
		return s.pipeline(&armdatafactory.CopyActivity{Name: to.Ptr("A"), TypeProperties: &armdatafactory.CopyActivityTypeProperties{
			Source: &armdatafactory.JSONSource{}, Sink: v}})
	}
	return v
}

// pipeline is one with an activity and everything that it may refer to.
func (s *sampler) pipeline(a armdatafactory.ActivityClassification) any {
	p := &armdatafactory.Pipeline{}
	s.fill(reflect.ValueOf(p).Elem(), "", 0)
	before := &armdatafactory.WaitActivity{Name: to.Ptr("Before"), TypeProperties: &armdatafactory.WaitActivityTypeProperties{WaitTimeInSeconds: 1.0}}
	p.Activities = []armdatafactory.ActivityClassification{before, a}
	p.Variables = map[string]*armdatafactory.VariableSpecification{"list": {Type: to.Ptr(armdatafactory.VariableTypeArray)}}
	return p
}

// A sampler fills values by their types.
type sampler struct{ names int }

// texts are what members hold that can't hold any text, by their names.
var texts = map[string]string{
	"ReferenceName": "Stub", "VariableName": "list", "Timeout": "00:01:00", "Activity": "Before",
	"Delay": "00:00:01", "Offset": "-01:00:00", "Size": "01:00:00",
}

// enumerations are those of whose values only some are taken.
var enumerations = map[string]string{
	"ActivityOnInactiveMarkAs": "Skipped", "ActivityState": "Active", "DayOfWeek": "Monday", "DaysOfWeek": "Monday",
	"DependencyCondition": "Completed", "ExpressionType": "Expression", "ParameterType": "String", "RecurrenceFrequency": "Week",
	"TriggerRuntimeState": "Stopped", "TumblingWindowFrequency": "Hour", "WebActivityMethod": "POST", "WebHookActivityMethod": "POST",
}

var timeType = reflect.TypeFor[time.Time]()

func (s *sampler) fill(v reflect.Value, member string, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 24 { // a type that holds itself
			return
		}
		p := reflect.New(v.Type().Elem())
		s.fill(p.Elem(), member, depth+1)
		v.Set(p)
	case reflect.Struct:
		s.object(v, depth)
	case reflect.Interface:
		v.Set(s.any(v.Type(), depth))
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		s.fill(e, "", depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(strings.ToLower(member)+"Key"), e)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		s.fill(v.Index(0), "", depth+1)
	case reflect.String:
		v.SetString(s.text(v.Type().Name(), member))
	case reflect.Bool:
		v.SetBool(member != "SetSystemVariable")
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(2.5)
	default:
		panic(fmt.Sprintf("%s is a %s", member, v.Type()))
	}
}

func (s *sampler) object(v reflect.Value, depth int) {
	t := v.Type()
	if t == timeType {
		v.Set(reflect.ValueOf(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)))
		return
	}
	for i := range t.NumField() {
		name := t.Field(i).Name
		switch {
		case name == "Type" && strings.HasSuffix(t.Name(), "Reference"):
			p := reflect.New(t.Field(i).Type.Elem())
			p.Elem().SetString(t.Name())
			v.Field(i).Set(p)
		case t == reflect.TypeFor[armdatafactory.Expression]() && name == "Value":
			v.Field(i).Set(reflect.ValueOf(to.Ptr("@bool(1)")))
		case name == "Name" && v.Addr().Type().Implements(reflect.TypeFor[armdatafactory.ActivityClassification]()):
			s.names++
			v.Field(i).Set(reflect.ValueOf(to.Ptr(fmt.Sprintf("A%d", s.names))))
		default:
			s.fill(v.Field(i), name, depth+1)
		}
	}
}

// any fills a member that may be of several types: of a union it is the first.
func (s *sampler) any(t reflect.Type, depth int) reflect.Value {
	switch {
	case t.NumMethod() == 0 && s.names%2 == 0:
		return reflect.ValueOf(map[string]any{"type": "Expression", "value": "@string('\u00e4 \\ \"')"})
	case t.NumMethod() == 0:
		return reflect.ValueOf("@concat('x')")
	case t == reflect.TypeFor[armdatafactory.ActivityClassification]():
		s.names++
		return reflect.ValueOf(&armdatafactory.WaitActivity{Name: to.Ptr(fmt.Sprintf("A%d", s.names)),
			TypeProperties: &armdatafactory.WaitActivityTypeProperties{WaitTimeInSeconds: 1.0}})
	case t == reflect.TypeFor[armdatafactory.SecretBaseClassification]():
		return reflect.ValueOf(&armdatafactory.SecureString{Type: to.Ptr("SecureString"), Value: to.Ptr("secret")})
	}
	base := reflect.New(t.Method(0).Type.Out(0)).Elem() // GetCopySource() *CopySource
	s.fill(base, "", depth+1)
	return base
}

func (s *sampler) text(typ, member string) string {
	if text, ok := enumerations[typ]; ok {
		return text
	}
	if text, ok := texts[member]; ok {
		return text
	}
	return "x"
}
