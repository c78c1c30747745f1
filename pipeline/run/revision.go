package run

import (
	"crypto/sha256"
	"fmt"

	"switchyard/pipeline"
	"switchyard/value"
)

// A Hash names a definition by its content: the SHA-256 of its JSON.
type Hash = [sha256.Size]byte

// A Revision is a pipeline's definition as it was at one moment, compiled once: a
// run follows the revision that was there when it was created, whatever becomes of
// the pipeline. It never changes, so that any number of runs share it.
type Revision struct {
	hash       Hash
	definition []byte
	pipeline   *pipeline.Pipeline
	graph      *graph
}

// NewRevision compiles a pipeline, which must not change afterwards. The error is
// about its dependencies.
func NewRevision(p *pipeline.Pipeline) (*Revision, error) {
	return newRevision(p, value.Append(nil, p.Raw))
}

// ParseRevision compiles a definition that [Revision.Definition] has returned. The
// name of the pipeline is for the error.
func ParseRevision(name string, definition []byte) (*Revision, error) {
	p, diags := pipeline.ParsePipeline(name, definition)
	if err := diags.Relaxed().Err(); err != nil { // it was accepted when the run was created
		return nil, err
	}
	return newRevision(p, definition)
}

func newRevision(p *pipeline.Pipeline, definition []byte) (*Revision, error) {
	g, err := newGraph(p.Activities)
	if err != nil {
		return nil, fmt.Errorf("pipeline %q: %w", p.Name, err)
	}
	return &Revision{sha256.Sum256(definition), definition, p, g}, nil
}

// Hash returns the name of the definition.
func (r *Revision) Hash() Hash { return r.hash }

// Definition returns the pipeline's JSON, which the caller must not change.
func (r *Revision) Definition() []byte { return r.definition }

// Pipeline returns the parsed definition, which the caller must not change.
func (r *Revision) Pipeline() *pipeline.Pipeline { return r.pipeline }
