package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"switchyard/config"
	"switchyard/deploy"
	"switchyard/pipeline"
	"switchyard/system"
)

// validate tells everything that up would refuse on a new data directory.
func validate(ctx context.Context, e *env, v *config.Values, operands []string) int {
	dir := operands[0]
	if err := checkFolder(dir); err != nil {
		return e.fail(err)
	}
	d, diags := deploy.Read(os.DirFS(dir), dir, modeOf(v))
	if diags.Err() == nil {
		found, err := check(ctx, d)
		if err != nil {
			return e.fail(err)
		}
		diags = append(diags, found...)
	}
	if v.String("output") == "json" {
		return printValidityJSON(e, d, diags)
	}
	for _, x := range diags {
		e.printf("%s\n", x)
		if x.Excerpt != "" {
			e.printf("    %s\n", strings.ReplaceAll(x.Excerpt, "\n", "\n    "))
		}
	}
	errs, warnings := len(diags.Errors()), len(diags)-len(diags.Errors())
	told := ""
	if warnings > 0 {
		told = ", " + plural(warnings, "warning")
	}
	if errs > 0 {
		e.printf("%s: %s%s\n", dir, plural(errs, "error"), told)
		return exitUsage
	}
	e.printf("%s: %s%s\n", dir, d.Summary(), told)
	return exitOK
}

// check reports what the deployment of a folder would refuse where nothing else is, and
// warns of what it would accept and a run would miss. It deploys the folder in memory.
func check(ctx context.Context, d *deploy.Deployment) (pipeline.Diagnostics, error) {
	found := d.CheckBus(deploy.Existing{})
	if found.Err() != nil {
		return found, nil
	}
	s, err := system.Start(ctx, system.Options{
		Ephemeral: true, Deployments: []*deploy.Deployment{d}, WithoutTriggers: true, WithoutAMQP: true,
	})
	if ds, ok := errors.AsType[pipeline.Diagnostics](err); ok {
		return append(found, ds...), nil
	}
	if err != nil {
		return nil, err
	}
	return found, s.Stop()
}

// A validity is what validate prints as JSON.
type validity struct {
	Valid       bool                 `json:"valid"`
	Errors      int                  `json:"errors"`
	Warnings    int                  `json:"warnings"`
	Summary     string               `json:"summary,omitempty"` // of a valid folder
	Diagnostics pipeline.Diagnostics `json:"diagnostics"`
}

func printValidityJSON(e *env, d *deploy.Deployment, diags pipeline.Diagnostics) int {
	errs := len(diags.Errors())
	out := validity{Valid: errs == 0, Errors: errs, Warnings: len(diags) - errs, Diagnostics: append(pipeline.Diagnostics{}, diags...)}
	if out.Valid {
		out.Summary = d.Summary()
	}
	if code := e.answer(out); code != exitOK || out.Valid {
		return code
	}
	return e.failed(diags.Errors())
}
