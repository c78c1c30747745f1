package pipeline

import (
	"fmt"
	"time"

	"switchyard/expr"
	"switchyard/value"
)

// A Resolver resolves references to the linked services and datasets of a factory
// [ENGINE 7]: arguments are converted to the types of the parameters, defaults
// fill in, and the expressions of the typeProperties are evaluated, in which
// linkedService() or dataset() is all there is.
type Resolver struct {
	// LinkedService and Dataset find a definition by its name; nil without an
	// error if there is none.
	LinkedService func(name string) (*LinkedService, error)
	Dataset       func(name string) (*Dataset, error)
	// Now and Seed are what utcNow(), guid() and rand() return.
	Now  time.Time
	Seed uint64
	// Secret reads secrets of key vaults, see [SecretFunc.In]; nil: there is no vault.
	Secret func(vault *ResolvedLinkedService, name, version string) (string, error)
}

// ResolvedLinkedService is a linked service without expressions. It may hold
// secrets, as text or in SecureString objects.
type ResolvedLinkedService struct {
	Name, Type     string
	TypeProperties *value.Object // never nil
}

// ResolvedDataset is a dataset without expressions, and where its data is.
type ResolvedDataset struct {
	Name, Type     string
	TypeProperties *value.Object // never nil
	LinkedService  *ResolvedLinkedService
}

// ResolveLinkedService resolves a reference whose arguments hold no expressions
// any more.
func (r *Resolver) ResolveLinkedService(ref *Reference) (*ResolvedLinkedService, error) {
	l, err := r.LinkedService(ref.Name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	case l == nil:
		return nil, fmt.Errorf("linked service %q is not found", ref.Name)
	}
	bound, _, err := BindParameters(l.Parameters, ref.Parameters, true)
	if err != nil {
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	}
	properties, err := evaluate(&expr.Context{Now: r.Now, Seed: r.Seed, LinkedService: bound,
		Budget: expr.NewBudget("the linked service '"+l.Name+"'", nil)}, l.TypeProperties)
	if err != nil {
		return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
	}
	if !equalFold(l.Type, TypeAzureKeyVault) { // which can't have its own key in a vault
		if properties, err = r.Secrets(properties); err != nil {
			return nil, fmt.Errorf("linked service %q: %w", ref.Name, err)
		}
	}
	return &ResolvedLinkedService{l.Name, l.Type, properties}, nil
}

// ResolveDataset resolves a reference whose arguments hold no expressions any
// more, and the dataset's linked service with it.
func (r *Resolver) ResolveDataset(ref *Reference) (*ResolvedDataset, error) {
	d, err := r.Dataset(ref.Name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("dataset %q: %w", ref.Name, err)
	case d == nil:
		return nil, fmt.Errorf("dataset %q is not found", ref.Name)
	}
	bound, _, err := BindParameters(d.Parameters, ref.Parameters, true)
	if err != nil {
		return nil, fmt.Errorf("dataset %q: %w", ref.Name, err)
	}
	c := &expr.Context{Now: r.Now, Seed: r.Seed, Dataset: bound,
		Budget: expr.NewBudget("the dataset '"+d.Name+"'", nil)}
	out := &ResolvedDataset{Name: d.Name, Type: d.Type}
	if out.TypeProperties, err = evaluate(c, d.TypeProperties); err != nil {
		return nil, fmt.Errorf("dataset %q: %w", ref.Name, err)
	}
	if d.LinkedService == nil {
		return nil, fmt.Errorf("dataset %q has no linked service", ref.Name)
	}
	at := *d.LinkedService
	if at.Parameters, err = evaluate(c, at.Parameters); err != nil {
		return nil, fmt.Errorf("dataset %q: %w", ref.Name, err)
	}
	if out.LinkedService, err = r.ResolveLinkedService(&at); err != nil {
		return nil, fmt.Errorf("dataset %q: %w", ref.Name, err)
	}
	return out, nil
}

// evaluate resolves the members of an object, which by itself is no expression.
func evaluate(c *expr.Context, o *value.Object) (*value.Object, error) {
	out := &value.Object{}
	for _, m := range o.Members() {
		v, err := c.Evaluate(m.Value)
		if err != nil {
			return nil, err
		}
		out.Set(m.Name, v)
	}
	return out, nil
}

// DatasetReferences returns the references to datasets in the resolved
// typeProperties of an activity, by the name of the property. A property that is
// not there has none.
func (t *ActivityType) DatasetReferences(typeProperties *value.Object) (map[string]*Reference, error) {
	if t == nil {
		return nil, nil
	}
	var out map[string]*Reference
	for _, p := range t.Properties {
		v, ok := typeProperties.Lookup(p.Name)
		if p.Kind != DatasetProperty || !ok || v == nil {
			continue
		}
		o, _ := v.(*value.Object)
		name, _ := o.Lookup("referenceName")
		ref := &Reference{Type: "DatasetReference"}
		if ref.Name, ok = name.(string); !ok {
			return nil, fmt.Errorf("the property %q is no reference to a dataset", p.Name)
		}
		args, _ := o.Lookup("parameters")
		ref.Parameters, _ = args.(*value.Object)
		if out == nil {
			out = map[string]*Reference{}
		}
		out[p.Name] = ref
	}
	return out, nil
}
