package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
)

// properties reads application properties: a JSON object of simple values. Whole numbers
// are AMQP longs, those above them unsigned longs, others doubles; a number that none of
// them holds exactly is refused.
func properties(text string) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var read any
	if err := d.Decode(&read); err != nil {
		return nil, fmt.Errorf(`%.60q is not JSON, such as {"colour":"red"}`, text)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("should be one JSON object and nothing behind it")
	}
	o, ok := read.(map[string]any)
	if !ok {
		return nil, errors.New("should be a JSON object")
	}
	for name, v := range o {
		switch v := v.(type) {
		case nil, bool, string:
		case json.Number:
			n, err := exact(v.String())
			if err != nil {
				return nil, fmt.Errorf("the value of %q: %w", name, err)
			}
			o[name] = n
		default:
			return nil, fmt.Errorf("the value of %q should be a text, a number, true, false or null", name)
		}
	}
	return o, nil
}

// exact returns a number as AMQP carries it, without a digit lost.
func exact(text string) (any, error) {
	if !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			return n, nil
		}
		return nil, fmt.Errorf("%s does not fit in 64 bits: send it as a text", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err == nil {
		want, _ := new(big.Rat).SetString(text)
		got, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
		if want != nil && got != nil && want.Cmp(got) == 0 {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s has more digits than a double: send it as a text", text)
}
