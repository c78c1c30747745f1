package expr

import (
	"fmt"
	"strings"

	"switchyard/value"
)

// A Family groups functions as the documentation does.
type Family string

// The families of functions.
const (
	FamilyContext    Family = "context"
	FamilyString     Family = "string"
	FamilyCollection Family = "collection"
	FamilyLogical    Family = "logical"
	FamilyConversion Family = "conversion"
	FamilyMath       Family = "math"
	FamilyDate       Family = "date"
)

// A Function describes one function of the language. Names compare ignoring
// case. MaxArgs is -1 if there is no limit.
type Function struct {
	Name             string
	Family           Family
	MinArgs, MaxArgs int
}

// LookupFunction returns the function with that name, ignoring case.
func LookupFunction(name string) (Function, bool) {
	f := lookupFunction(name)
	if f == nil {
		return Function{}, false
	}
	return Function{f.name, f.family, f.min, f.max}, true
}

// A function is an entry of the table. Exactly one of lazy and strict is set; a
// strict function gets its arguments evaluated from left to right.
type function struct {
	name       string
	family     Family
	min, max   int
	lenientMin int // smaller minimum of Context.Lenient, if not 0
	// varies: two calls with the same arguments can differ within one Context.
	varies bool
	lazy   func(ev *evaluation, args []*node) (value.Value, error)
	strict func(c *call) (value.Value, error)
}

const unlimited = -1 // no limit on the number of arguments

var functionTable = []*function{
	// [EXPR 3].
	{name: "pipeline", family: FamilyContext, min: 0, max: 0, strict: fnPipeline},
	{name: "activity", family: FamilyContext, min: 1, max: 1, strict: fnActivity},
	{name: "variables", family: FamilyContext, min: 1, max: 1, strict: fnVariables},
	{name: "item", family: FamilyContext, min: 0, max: 0, varies: true, strict: fnItem},
	{name: "dataset", family: FamilyContext, min: 0, max: 0, strict: fnDataset},
	{name: "linkedService", family: FamilyContext, min: 0, max: 0, strict: fnLinkedService},
	{name: "trigger", family: FamilyContext, min: 0, max: 0, strict: fnTrigger},
	{name: "triggerBody", family: FamilyContext, min: 0, max: 0, strict: fnTriggerBody},
	// [EXPR 5].
	{name: "concat", family: FamilyString, min: 1, max: unlimited, strict: fnConcat},
	{name: "endsWith", family: FamilyString, min: 2, max: 2, strict: fnEndsWith},
	{name: "startsWith", family: FamilyString, min: 2, max: 2, strict: fnStartsWith},
	{name: "guid", family: FamilyString, min: 0, max: 1, varies: true, strict: fnGUID},
	{name: "indexOf", family: FamilyString, min: 2, max: 2, strict: fnIndexOf},
	{name: "lastIndexOf", family: FamilyString, min: 2, max: 2, strict: fnLastIndexOf},
	{name: "replace", family: FamilyString, min: 3, max: 3, strict: fnReplace},
	{name: "split", family: FamilyString, min: 2, max: 2, strict: fnSplit},
	{name: "substring", family: FamilyString, min: 3, max: 3, lenientMin: 2, strict: fnSubstring},
	{name: "toLower", family: FamilyString, min: 1, max: 1, strict: fnToLower},
	{name: "toUpper", family: FamilyString, min: 1, max: 1, strict: fnToUpper},
	{name: "trim", family: FamilyString, min: 1, max: 1, strict: fnTrim},
	// [EXPR 6].
	{name: "contains", family: FamilyCollection, min: 2, max: 2, strict: fnContains},
	{name: "empty", family: FamilyCollection, min: 1, max: 1, strict: fnEmpty},
	{name: "first", family: FamilyCollection, min: 1, max: 1, strict: fnFirst},
	{name: "intersection", family: FamilyCollection, min: 2, max: unlimited, strict: fnIntersection},
	{name: "join", family: FamilyCollection, min: 2, max: 2, strict: fnJoin},
	{name: "last", family: FamilyCollection, min: 1, max: 1, strict: fnLast},
	{name: "length", family: FamilyCollection, min: 1, max: 1, strict: fnLength},
	{name: "skip", family: FamilyCollection, min: 2, max: 2, strict: fnSkip},
	{name: "take", family: FamilyCollection, min: 2, max: 2, strict: fnTake},
	{name: "union", family: FamilyCollection, min: 2, max: unlimited, strict: fnUnion},
	// [EXPR 7].
	{name: "and", family: FamilyLogical, min: 1, max: unlimited, lazy: fnAnd},
	{name: "equals", family: FamilyLogical, min: 2, max: unlimited, strict: fnEquals},
	{name: "greater", family: FamilyLogical, min: 2, max: 2, strict: fnGreater},
	{name: "greaterOrEquals", family: FamilyLogical, min: 2, max: 2, strict: fnGreaterOrEquals},
	{name: "if", family: FamilyLogical, min: 3, max: 3, lazy: fnIf},
	{name: "less", family: FamilyLogical, min: 2, max: 2, strict: fnLess},
	{name: "lessOrEquals", family: FamilyLogical, min: 2, max: 2, strict: fnLessOrEquals},
	{name: "not", family: FamilyLogical, min: 1, max: 1, strict: fnNot},
	{name: "or", family: FamilyLogical, min: 1, max: unlimited, lazy: fnOr},
	// [EXPR 8].
	{name: "array", family: FamilyConversion, min: 1, max: 1, strict: fnArray},
	{name: "base64", family: FamilyConversion, min: 1, max: 1, strict: fnBase64},
	{name: "base64ToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToBinary},
	{name: "base64ToString", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToString},
	{name: "binary", family: FamilyConversion, min: 1, max: 1, strict: fnBinary},
	{name: "bool", family: FamilyConversion, min: 1, max: 1, strict: fnBool},
	{name: "coalesce", family: FamilyConversion, min: 1, max: unlimited, lazy: fnCoalesce},
	{name: "createArray", family: FamilyConversion, min: 1, max: unlimited, strict: fnCreateArray},
	{name: "dataUri", family: FamilyConversion, min: 1, max: 1, strict: fnDataURI},
	{name: "dataUriToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnDataURIToBinary},
	{name: "dataUriToString", family: FamilyConversion, min: 1, max: 1, strict: fnDataURIToString},
	{name: "decodeBase64", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToString},
	{name: "decodeDataUri", family: FamilyConversion, min: 1, max: 1, strict: fnDecodeDataURI},
	{name: "decodeUriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToString},
	{name: "encodeUriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponent},
	{name: "float", family: FamilyConversion, min: 1, max: 2, strict: fnFloat},
	{name: "int", family: FamilyConversion, min: 1, max: 1, strict: fnInt},
	{name: "json", family: FamilyConversion, min: 1, max: 1, strict: fnJSON},
	{name: "string", family: FamilyConversion, min: 1, max: 1, strict: fnString},
	{name: "uriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponent},
	{name: "uriComponentToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToBinary},
	{name: "uriComponentToString", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToString},
	{name: "xml", family: FamilyConversion, min: 1, max: 1, strict: fnXML},
	{name: "xpath", family: FamilyConversion, min: 2, max: 2, strict: fnXPath},
	// [EXPR 9].
	{name: "add", family: FamilyMath, min: 2, max: 2, strict: fnAdd},
	{name: "div", family: FamilyMath, min: 2, max: 2, strict: fnDiv},
	{name: "max", family: FamilyMath, min: 1, max: unlimited, strict: fnMax},
	{name: "min", family: FamilyMath, min: 1, max: unlimited, strict: fnMin},
	{name: "mod", family: FamilyMath, min: 2, max: 2, strict: fnMod},
	{name: "mul", family: FamilyMath, min: 2, max: 2, strict: fnMul},
	{name: "rand", family: FamilyMath, min: 2, max: 2, varies: true, strict: fnRand},
	{name: "range", family: FamilyMath, min: 2, max: 2, strict: fnRange},
	{name: "sub", family: FamilyMath, min: 2, max: 2, strict: fnSub},
	// [EXPR 10].
	{name: "addDays", family: FamilyDate, min: 2, max: 3, strict: fnAddDays},
	{name: "addHours", family: FamilyDate, min: 2, max: 3, strict: fnAddHours},
	{name: "addMinutes", family: FamilyDate, min: 2, max: 3, strict: fnAddMinutes},
	{name: "addSeconds", family: FamilyDate, min: 2, max: 3, strict: fnAddSeconds},
	{name: "addToTime", family: FamilyDate, min: 3, max: 4, strict: fnAddToTime},
	{name: "convertFromUtc", family: FamilyDate, min: 2, max: 3, strict: fnConvertFromUTC},
	{name: "convertTimeZone", family: FamilyDate, min: 3, max: 4, strict: fnConvertTimeZone},
	{name: "convertToUtc", family: FamilyDate, min: 2, max: 3, strict: fnConvertToUTC},
	{name: "dayOfMonth", family: FamilyDate, min: 1, max: 1, strict: fnDayOfMonth},
	{name: "dayOfWeek", family: FamilyDate, min: 1, max: 1, strict: fnDayOfWeek},
	{name: "dayOfYear", family: FamilyDate, min: 1, max: 1, strict: fnDayOfYear},
	{name: "formatDateTime", family: FamilyDate, min: 1, max: 3, strict: fnFormatDateTime},
	{name: "getFutureTime", family: FamilyDate, min: 2, max: 3, strict: fnGetFutureTime},
	{name: "getPastTime", family: FamilyDate, min: 2, max: 3, strict: fnGetPastTime},
	{name: "startOfDay", family: FamilyDate, min: 1, max: 2, strict: fnStartOfDay},
	{name: "startOfHour", family: FamilyDate, min: 1, max: 2, strict: fnStartOfHour},
	{name: "startOfMonth", family: FamilyDate, min: 1, max: 2, strict: fnStartOfMonth},
	{name: "subtractFromTime", family: FamilyDate, min: 3, max: 4, strict: fnSubtractFromTime},
	{name: "ticks", family: FamilyDate, min: 1, max: 1, strict: fnTicks},
	{name: "utcNow", family: FamilyDate, min: 0, max: 1, strict: fnUTCNow},
}

var functionsByName = func() map[string]*function {
	m := make(map[string]*function, len(functionTable))
	for _, f := range functionTable {
		m[strings.ToLower(f.name)] = f
	}
	return m
}()

func lookupFunction(name string) *function { return functionsByName[strings.ToLower(name)] }

func errArgumentCount(f *function, got int) *Error {
	plural := "s"
	if f.min == 1 && f.max <= 1 {
		plural = ""
	}
	want := fmt.Sprintf("between %d and %d", f.min, f.max)
	switch {
	case f.max == unlimited:
		want = fmt.Sprintf("at least %d", f.min)
	case f.min == f.max:
		want = fmt.Sprint(f.min)
	}
	return errorf("The function '%s' expects %s parameter%s. The function was invoked with %d.",
		f.name, want, plural, got)
}

// A call is one invocation of a strict function.
type call struct {
	ev   *evaluation
	node *node
	name string
	args []value.Value
	buf  [4]value.Value // backs args of most calls
}

var ordinals = [...]string{"first", "second", "third", "fourth", "fifth"}

// parameter names the i-th parameter for an error message.
func (c *call) parameter(i int) string {
	switch {
	case len(c.args) == 1:
		return "its parameter"
	case i < len(ordinals):
		return "its " + ordinals[i] + " parameter"
	}
	return fmt.Sprintf("its parameter %d", i+1)
}

// wrong is the error of an argument that has the wrong type.
func (c *call) wrong(i int, want string) error {
	return errorf("The function '%s' expects %s to be %s. The provided value is of type '%s'.",
		c.name, c.parameter(i), want, value.TypeName(c.args[i]))
}

// text returns a string argument; a content object is read as its text.
func (c *call) text(i int) (string, error) {
	switch v := c.args[i].(type) {
	case string:
		return v, nil
	case *value.Object:
		if err := c.ev.spend(contentSteps(v)); err != nil {
			return "", err
		}
		if content, ok := value.ContentOf(v); ok {
			return content.Text(), nil
		}
	}
	return "", c.wrong(i, "a string")
}

// texts returns the first two arguments as text.
func (c *call) texts() (a, b string, err error) {
	if a, err = c.text(0); err == nil {
		b, err = c.text(1)
	}
	return a, b, err
}

func (c *call) integer(i int) (int64, error) {
	n, ok := c.args[i].(int64)
	if !ok {
		return 0, c.wrong(i, "an integer")
	}
	return n, nil
}

func (c *call) number(i int) (value.Value, error) {
	switch c.args[i].(type) {
	case int64, float64:
		return c.args[i], nil
	}
	return nil, c.wrong(i, "an integer, a float or a decimal number")
}

// result charges a text that the function produced.
func (c *call) result(s string) (value.Value, error) {
	if len(s) > MaxText {
		return nil, errTooLong("the function '" + c.name + "'")
	}
	if err := c.ev.charge(len(s)); err != nil {
		return nil, err
	}
	return s, nil
}
