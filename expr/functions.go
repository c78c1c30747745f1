package expr

import (
	"fmt"
	"strings"

	"switchyard/spelling"
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
	name     string
	family   Family
	min, max int // as documented
	accepted int // how many arguments suffice nevertheless, if not 0
	// varies: two calls with the same arguments can differ within one Context.
	varies bool
	// arguments and doc are for people: docs/expressions.md is made of them.
	arguments, doc string

	lazy   func(ev *evaluation, args []*node) (value.Value, error)
	strict func(c *call) (value.Value, error)
}

const unlimited = -1 // no limit on the number of arguments

var functionTable = []*function{
	// [EXPR 3].
	{name: "pipeline", family: FamilyContext, min: 0, max: 0, strict: fnPipeline,
		arguments: "", doc: "what is known of the run: `.parameters`, `.globalParameters`, `.Pipeline`, `.RunId`, `.TriggerName` and so on"},
	{name: "activity", family: FamilyContext, min: 1, max: 1, strict: fnActivity,
		arguments: "name", doc: "an activity that has ended: `.output`, `.error`, `.Status` and so on"},
	{name: "variables", family: FamilyContext, min: 1, max: 1, strict: fnVariables,
		arguments: "name", doc: "the value of a variable"},
	{name: "item", family: FamilyContext, min: 0, max: 0, varies: true, strict: fnItem,
		arguments: "", doc: "the item of the ForEach or Filter around"},
	{name: "dataset", family: FamilyContext, min: 0, max: 0, strict: fnDataset,
		arguments: "", doc: "the parameters of the dataset, as `dataset().NAME`"},
	{name: "linkedService", family: FamilyContext, min: 0, max: 0, strict: fnLinkedService,
		arguments: "", doc: "the parameters of the linked service, as `linkedService().NAME`"},
	{name: "trigger", family: FamilyContext, min: 0, max: 0, strict: fnTrigger,
		arguments: "", doc: "the trigger that started the run: `.outputs.body`, `.startTime` and so on"},
	{name: "triggerBody", family: FamilyContext, min: 0, max: 0, strict: fnTriggerBody,
		arguments: "", doc: "the same as `trigger().outputs.body`"},
	// [EXPR 5].
	{name: "concat", family: FamilyString, min: 1, max: unlimited, strict: fnConcat,
		arguments: "value, …", doc: "the texts of all arguments, one after the other"},
	{name: "endsWith", family: FamilyString, min: 2, max: 2, strict: fnEndsWith,
		arguments: "text, end", doc: "whether a text ends so, ignoring case"},
	{name: "startsWith", family: FamilyString, min: 2, max: 2, strict: fnStartsWith,
		arguments: "text, start", doc: "whether a text begins so, ignoring case"},
	{name: "guid", family: FamilyString, min: 0, max: 1, varies: true, strict: fnGUID,
		arguments: "format", doc: "a new GUID; format is N, D, B or P"},
	{name: "indexOf", family: FamilyString, min: 2, max: 2, strict: fnIndexOf,
		arguments: "text, part", doc: "where a part begins, ignoring case, or -1"},
	{name: "lastIndexOf", family: FamilyString, min: 2, max: 2, strict: fnLastIndexOf,
		arguments: "text, part", doc: "where a part begins last, ignoring case, or -1"},
	{name: "replace", family: FamilyString, min: 3, max: 3, strict: fnReplace,
		arguments: "text, old, new", doc: "the text with every old replaced"},
	{name: "split", family: FamilyString, min: 2, max: 2, strict: fnSplit,
		arguments: "text, separator", doc: "the parts between the separators"},
	{name: "substring", family: FamilyString, min: 3, max: 3, accepted: 2, strict: fnSubstring,
		arguments: "text, start, length", doc: "a part of a text; without a length, which validation wants, up to its end"},
	{name: "toLower", family: FamilyString, min: 1, max: 1, strict: fnToLower,
		arguments: "text", doc: "in small letters"},
	{name: "toUpper", family: FamilyString, min: 1, max: 1, strict: fnToUpper,
		arguments: "text", doc: "in capitals"},
	{name: "trim", family: FamilyString, min: 1, max: 1, strict: fnTrim,
		arguments: "text", doc: "without blanks at both ends"},
	// [EXPR 6].
	{name: "contains", family: FamilyCollection, min: 2, max: 2, strict: fnContains,
		arguments: "collection, value", doc: "whether an array has an item, an object a member, or a text a part"},
	{name: "empty", family: FamilyCollection, min: 1, max: 1, strict: fnEmpty,
		arguments: "collection", doc: "whether there is nothing in it"},
	{name: "first", family: FamilyCollection, min: 1, max: 1, strict: fnFirst,
		arguments: "collection", doc: "the first item or character"},
	{name: "intersection", family: FamilyCollection, min: 2, max: unlimited, strict: fnIntersection,
		arguments: "collection, collection, …", doc: "what is in all of them"},
	{name: "join", family: FamilyCollection, min: 2, max: 2, strict: fnJoin,
		arguments: "array, separator", doc: "the texts of the items with separators between"},
	{name: "last", family: FamilyCollection, min: 1, max: 1, strict: fnLast,
		arguments: "collection", doc: "the last item or character"},
	{name: "length", family: FamilyCollection, min: 1, max: 1, strict: fnLength,
		arguments: "collection", doc: "how many items or characters there are"},
	{name: "skip", family: FamilyCollection, min: 2, max: 2, strict: fnSkip,
		arguments: "collection, count", doc: "without so many at the front"},
	{name: "take", family: FamilyCollection, min: 2, max: 2, strict: fnTake,
		arguments: "collection, count", doc: "so many from the front"},
	{name: "union", family: FamilyCollection, min: 2, max: unlimited, strict: fnUnion,
		arguments: "collection, collection, …", doc: "what is in any of them; of members of one name the last"},
	// [EXPR 7].
	{name: "and", family: FamilyLogical, min: 1, max: unlimited, lazy: fnAnd,
		arguments: "condition, …", doc: "whether all are true; it stops at the first that is not"},
	{name: "equals", family: FamilyLogical, min: 2, max: unlimited, strict: fnEquals,
		arguments: "value, value, …", doc: "whether all are equal"},
	{name: "greater", family: FamilyLogical, min: 2, max: 2, strict: fnGreater,
		arguments: "value, value", doc: "whether the first is greater"},
	{name: "greaterOrEquals", family: FamilyLogical, min: 2, max: 2, strict: fnGreaterOrEquals,
		arguments: "value, value", doc: "whether the first is greater or equal"},
	{name: "if", family: FamilyLogical, min: 3, max: 3, lazy: fnIf,
		arguments: "condition, then, else", doc: "one of two values; the other is not evaluated"},
	{name: "less", family: FamilyLogical, min: 2, max: 2, strict: fnLess,
		arguments: "value, value", doc: "whether the first is less"},
	{name: "lessOrEquals", family: FamilyLogical, min: 2, max: 2, strict: fnLessOrEquals,
		arguments: "value, value", doc: "whether the first is less or equal"},
	{name: "not", family: FamilyLogical, min: 1, max: 1, strict: fnNot,
		arguments: "condition", doc: "the opposite"},
	{name: "or", family: FamilyLogical, min: 1, max: unlimited, lazy: fnOr,
		arguments: "condition, …", doc: "whether one is true; it stops at the first that is"},
	// [EXPR 8].
	{name: "array", family: FamilyConversion, min: 1, max: 1, strict: fnArray,
		arguments: "value", doc: "an array of one item"},
	{name: "base64", family: FamilyConversion, min: 1, max: 1, strict: fnBase64,
		arguments: "text", doc: "in base64"},
	{name: "base64ToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToBinary,
		arguments: "text", doc: "the bytes of a base64 text"},
	{name: "base64ToString", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToString,
		arguments: "text", doc: "the text of a base64 text"},
	{name: "binary", family: FamilyConversion, min: 1, max: 1, strict: fnBinary,
		arguments: "text", doc: "the bytes of a text"},
	{name: "bool", family: FamilyConversion, min: 1, max: 1, strict: fnBool,
		arguments: "value", doc: "true or false"},
	{name: "coalesce", family: FamilyConversion, min: 1, max: unlimited, lazy: fnCoalesce,
		arguments: "value, …", doc: "the first that is not null"},
	{name: "createArray", family: FamilyConversion, min: 1, max: unlimited, strict: fnCreateArray,
		arguments: "value, …", doc: "an array of the arguments"},
	{name: "dataUri", family: FamilyConversion, min: 1, max: 1, strict: fnDataURI,
		arguments: "text", doc: "a data URI"},
	{name: "dataUriToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnDataURIToBinary,
		arguments: "uri", doc: "the bytes in a data URI"},
	{name: "dataUriToString", family: FamilyConversion, min: 1, max: 1, strict: fnDataURIToString,
		arguments: "uri", doc: "the text in a data URI"},
	{name: "decodeBase64", family: FamilyConversion, min: 1, max: 1, strict: fnBase64ToString,
		arguments: "text", doc: "the same as base64ToString"},
	{name: "decodeDataUri", family: FamilyConversion, min: 1, max: 1, strict: fnDecodeDataURI,
		arguments: "uri", doc: "what is in a data URI, read as its media type says"},
	{name: "decodeUriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToString,
		arguments: "text", doc: "the same as uriComponentToString"},
	{name: "encodeUriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponent,
		arguments: "text", doc: "the same as uriComponent"},
	{name: "float", family: FamilyConversion, min: 1, max: 2, strict: fnFloat,
		arguments: "text, culture", doc: "a number with a fraction"},
	{name: "int", family: FamilyConversion, min: 1, max: 1, strict: fnInt,
		arguments: "value", doc: "a whole number"},
	{name: "json", family: FamilyConversion, min: 1, max: 1, strict: fnJSON,
		arguments: "text", doc: "the value that a JSON text, or an XML, stands for"},
	{name: "string", family: FamilyConversion, min: 1, max: 1, strict: fnString,
		arguments: "value", doc: "the text of a value"},
	{name: "uriComponent", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponent,
		arguments: "text", doc: "with escapes for what may not stand in a URI"},
	{name: "uriComponentToBinary", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToBinary,
		arguments: "text", doc: "the bytes of a text with such escapes"},
	{name: "uriComponentToString", family: FamilyConversion, min: 1, max: 1, strict: fnURIComponentToString,
		arguments: "text", doc: "without such escapes"},
	{name: "xml", family: FamilyConversion, min: 1, max: 1, strict: fnXML,
		arguments: "value", doc: "the XML of a JSON value with one member, or of a text"},
	{name: "xpath", family: FamilyConversion, min: 2, max: 2, strict: fnXPath,
		arguments: "xml, path", doc: "what an XPath 1.0 expression finds"},
	// [EXPR 9].
	{name: "add", family: FamilyMath, min: 2, max: 2, strict: fnAdd,
		arguments: "number, number", doc: "the sum"},
	{name: "div", family: FamilyMath, min: 2, max: 2, strict: fnDiv,
		arguments: "number, number", doc: "the quotient, whole if both are"},
	{name: "max", family: FamilyMath, min: 1, max: unlimited, strict: fnMax,
		arguments: "number, …", doc: "the greatest, of the arguments or of one array"},
	{name: "min", family: FamilyMath, min: 1, max: unlimited, strict: fnMin,
		arguments: "number, …", doc: "the least, of the arguments or of one array"},
	{name: "mod", family: FamilyMath, min: 2, max: 2, strict: fnMod,
		arguments: "number, number", doc: "what remains of a division"},
	{name: "mul", family: FamilyMath, min: 2, max: 2, strict: fnMul,
		arguments: "number, number", doc: "the product"},
	{name: "rand", family: FamilyMath, min: 2, max: 2, varies: true, strict: fnRand,
		arguments: "from, to", doc: "a random whole number from the first to below the second"},
	{name: "range", family: FamilyMath, min: 2, max: 2, strict: fnRange,
		arguments: "start, count", doc: "so many whole numbers from the first on"},
	{name: "sub", family: FamilyMath, min: 2, max: 2, strict: fnSub,
		arguments: "number, number", doc: "the difference"},
	// [EXPR 10].
	{name: "addDays", family: FamilyDate, min: 2, max: 3, strict: fnAddDays,
		arguments: "time, days, format", doc: "a time so many days later"},
	{name: "addHours", family: FamilyDate, min: 2, max: 3, strict: fnAddHours,
		arguments: "time, hours, format", doc: "a time so many hours later"},
	{name: "addMinutes", family: FamilyDate, min: 2, max: 3, strict: fnAddMinutes,
		arguments: "time, minutes, format", doc: "a time so many minutes later"},
	{name: "addSeconds", family: FamilyDate, min: 2, max: 3, strict: fnAddSeconds,
		arguments: "time, seconds, format", doc: "a time so many seconds later"},
	{name: "addToTime", family: FamilyDate, min: 3, max: 4, strict: fnAddToTime,
		arguments: "time, interval, unit, format", doc: "a time so much later; unit is Second, Minute, Hour, Day, Week, Month or Year"},
	{name: "convertFromUtc", family: FamilyDate, min: 2, max: 3, strict: fnConvertFromUTC,
		arguments: "time, zone, format", doc: "a time in UTC as that zone has it"},
	{name: "convertTimeZone", family: FamilyDate, min: 3, max: 4, strict: fnConvertTimeZone,
		arguments: "time, from, to, format", doc: "a time of one zone as another has it"},
	{name: "convertToUtc", family: FamilyDate, min: 2, max: 3, strict: fnConvertToUTC,
		arguments: "time, zone, format", doc: "a time of a zone in UTC"},
	{name: "dayOfMonth", family: FamilyDate, min: 1, max: 1, strict: fnDayOfMonth,
		arguments: "time", doc: "1 to 31"},
	{name: "dayOfWeek", family: FamilyDate, min: 1, max: 1, strict: fnDayOfWeek,
		arguments: "time", doc: "0, which is Sunday, to 6"},
	{name: "dayOfYear", family: FamilyDate, min: 1, max: 1, strict: fnDayOfYear,
		arguments: "time", doc: "1 to 366"},
	{name: "formatDateTime", family: FamilyDate, min: 1, max: 3, strict: fnFormatDateTime,
		arguments: "time, format, culture", doc: "a time in another form"},
	{name: "getFutureTime", family: FamilyDate, min: 2, max: 3, strict: fnGetFutureTime,
		arguments: "interval, unit, format", doc: "the present and so much"},
	{name: "getPastTime", family: FamilyDate, min: 2, max: 3, strict: fnGetPastTime,
		arguments: "interval, unit, format", doc: "the present less so much"},
	{name: "startOfDay", family: FamilyDate, min: 1, max: 2, strict: fnStartOfDay,
		arguments: "time, format", doc: "midnight before"},
	{name: "startOfHour", family: FamilyDate, min: 1, max: 2, strict: fnStartOfHour,
		arguments: "time, format", doc: "the full hour before"},
	{name: "startOfMonth", family: FamilyDate, min: 1, max: 2, strict: fnStartOfMonth,
		arguments: "time, format", doc: "the first of the month"},
	{name: "subtractFromTime", family: FamilyDate, min: 3, max: 4, strict: fnSubtractFromTime,
		arguments: "time, interval, unit, format", doc: "a time so much earlier"},
	{name: "ticks", family: FamilyDate, min: 1, max: 1, strict: fnTicks,
		arguments: "time", doc: "how many 100 ns have passed since the year 1"},
	{name: "utcNow", family: FamilyDate, min: 0, max: 1, strict: fnUTCNow,
		arguments: "format", doc: "the present"},
}

var functionsByName = func() map[string]*function {
	m := make(map[string]*function, len(functionTable))
	for _, f := range functionTable {
		m[strings.ToLower(f.name)] = f
	}
	return m
}()

func lookupFunction(name string) *function { return functionsByName[strings.ToLower(name)] }

// SimilarFunction returns the function that a name that is none may have meant, "" if there
// is none.
func SimilarFunction(name string) string {
	names := make([]string, len(functionTable))
	for i, f := range functionTable {
		names[i] = f.name
	}
	return spelling.Nearest(name, names)
}

// meant asks whether a similar function was meant, "" if none is.
func meant(name string) string {
	if s := SimilarFunction(name); s != "" {
		return " Did you mean '" + s + "'?"
	}
	return ""
}

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

// text returns a string argument. A content object is none.
func (c *call) text(i int) (string, error) {
	s, ok := c.args[i].(string)
	if !ok {
		return "", c.wrong(i, "a string")
	}
	return s, nil
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
