package expr_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"switchyard/expr"
	"switchyard/value"
)

// randomValue returns values of which many are equal or nearly so: 1, 1.0, "1",
// true, names and texts that differ in case only.
func randomValue(r *rand.Rand, depth int) value.Value {
	texts := []string{"", "a", "A", "k", "K", "\u212a", "s", "ſ", "1", "ß", "ẞ", "ı", "I", "\U0001F600", "[1,]"}
	n := 12
	if depth == 0 {
		n = 8
	}
	switch r.IntN(n) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2, 3:
		return int64(r.IntN(5))
	case 4:
		return float64(r.IntN(5))
	case 5:
		return float64(r.IntN(8)) / 2
	case 6, 7:
		return texts[r.IntN(len(texts))]
	case 8, 9:
		a := value.Array{}
		for range r.IntN(3) {
			a = append(a, randomValue(r, depth-1))
		}
		return a
	}
	o := &value.Object{}
	for range r.IntN(3) {
		o.Set(texts[r.IntN(len(texts))], randomValue(r, depth-1))
	}
	return o
}

// naive is EvaluateItems without memory: each item alone.
func naive(c *expr.Context, v value.Value, items value.Array) (results value.Array, err error) {
	for _, item := range items {
		c.Item = func() (value.Value, bool) { return item, true }
		result, err := c.Evaluate(v)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func remembering(c *expr.Context, v value.Value, items value.Array) (results value.Array, err error) {
	err = c.EvaluateItems(v, items, func(_, result value.Value) error {
		results = append(results, result)
		return nil
	})
	return results, err
}

// TestItemsAreEvaluatedAlike compares EvaluateItems with evaluations one by one,
// over random sets and items: results and errors are the same.
func TestItemsAreEvaluatedAlike(t *testing.T) {
	conditions := []string{
		"@contains(variables('set'), item())",
		"@not(contains(variables('set'), item()))",
		"@contains(variables('set'), createArray(item()))",
		"@contains(union(variables('set'), variables('set')), item())",
		"@contains(variables('object'), string(item()))",
		"@contains(variables('object').inner, string(item()))",
		"@if(equals(item(), 1), fail('x'), contains(variables('set'), item()))",
		"@if(equals(item(), 1), variables('set')[99999], false)",
		"@and(equals(item(), null), contains(variables('missing'), item()))",
		"@variables('object')?[string(item())]",
		"@variables('set')[int(item())]",
		"@createArray(contains(variables('set'), item()), rand(0, 1000), guid(), utcNow())",
		"@contains(createArray(item(), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), 17)",
		"x@{contains(variables('set'), item())}y@{length(variables('set'))}",
		"no expression", "@", "@@literal", "@json('7')", "@item()", "@contains(item(), 'a')",
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		set, object := value.Array{}, &value.Object{}
		for range []int{3, 15, 16, 40}[seed%4] {
			set = append(set, randomValue(r, 3))
		}
		inner := &value.Object{}
		for i := range 30 {
			inner.Set(fmt.Sprint(randomValue(r, 0))+strings.Repeat("x", i%3), int64(i))
		}
		object = inner.Clone()
		object.Set("inner", inner)
		items := value.Array{}
		for range 40 {
			items = append(items, randomValue(r, 3))
		}
		context := func() *expr.Context {
			return &expr.Context{Seed: seed, Variables: func(name string) (value.Value, bool) {
				switch name {
				case "set":
					return set, true
				case "object":
					return object, true
				}
				return nil, false
			}}
		}
		for _, c := range append(conditions, "") {
			var v value.Value = c
			if seed%2 == 0 {
				v = value.NewObject(value.Member{Name: "value", Value: c}, value.Member{Name: "type", Value: "Expression"})
			}
			want, wantErr := naive(context(), v, items)
			got, err := remembering(context(), v, items)
			if !value.Equal(got, want) {
				t.Errorf("seed %d: %s: got %s, want %s", seed, c, value.Append(nil, got), value.Append(nil, want))
			}
			var e, wantE *expr.Error
			if errors.As(err, &e) != errors.As(wantErr, &wantE) || e != nil && *e != *wantE {
				t.Errorf("seed %d: %s: got error %+v, want %+v", seed, c, e, wantE)
			}
		}
	}
}

func numbers(n int) value.Array {
	a := make(value.Array, n)
	for i := range a {
		a[i] = int64(i)
	}
	return a
}

// TestFilterIsNotQuadratic asks for each of 100,000 items whether it is among
// 100,000 others. One by one that is 5,000,000,000 comparisons, ten times the
// budget; with the index it takes a part of it.
func TestFilterIsNotQuadratic(t *testing.T) {
	set := numbers(100_000)
	c := &expr.Context{Variables: func(string) (value.Value, bool) { return set, true }}
	kept := 0
	err := c.EvaluateItems("@contains(variables('set'), add(item(), 50000))", numbers(100_000),
		func(_, result value.Value) error {
			if result == true {
				kept++
			}
			return nil
		})
	if err != nil || kept != 50_000 {
		t.Errorf("kept %d, %v, want 50000", kept, err)
	}
	// Honest work beside it: a large object that is read for each item.
	o := &value.Object{}
	for i := range 1000 {
		o.Set(fmt.Sprint("key", i), int64(i))
	}
	c = &expr.Context{Variables: func(string) (value.Value, bool) { return o, true }}
	if _, err := remembering(c, "@greater(length(concat(string(item()), '-', variables('o').KEY7)), 3)",
		numbers(100_000)); err != nil {
		t.Error(err)
	}
}

func BenchmarkFilterContains(b *testing.B) {
	for _, n := range []int{100, 1000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set := numbers(n)
			for b.Loop() {
				c := &expr.Context{Variables: func(string) (value.Value, bool) { return set, true }}
				if err := c.EvaluateItems("@contains(variables('set'), add(item(), 1))", set,
					func(_, _ value.Value) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
