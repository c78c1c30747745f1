package main

import (
	"context"
	"log/slog"
	"os"

	"switchyard/config"
	"switchyard/memory"
)

// goMemoryLimit is the variable by which every Go program is told its limit. It
// beats what is found out here, and the setting beats it.
const goMemoryLimit = "GOMEMLIMIT"

// limitMemory tells the garbage collector how much memory there is, and gives back
// what bursts leave behind until ctx ends. It returns the limit, 0 for none.
func limitMemory(ctx context.Context, v *config.Values, log *slog.Logger) int64 {
	go memory.ReturnIdle(ctx)
	source, variable := "setting", ""
	bytes := v.Size("memory-limit")
	if bytes == 0 {
		found := memory.Find(os.DirFS("/"))
		bytes, source = found.Collector(), found.Source
		if variable = os.Getenv(goMemoryLimit); variable != "" {
			source = goMemoryLimit
		}
	}
	limit := memory.Collector(bytes, variable)
	if limit == 0 {
		log.Debug("no memory limit: it is not known how much there is; the setting memory-limit says it")
		return 0
	}
	log.Debug("memory limit", "bytes", limit, "of", source)
	return limit
}
