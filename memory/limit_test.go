package memory_test

import (
	"testing"
	"testing/fstest"

	"switchyard/memory"
)

func files(m map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range m {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const (
	meminfo = "MemTotal:       24731708 kB\nMemFree:        23936356 kB\n"
	v1Mount = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	v2Mount = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	none    = "9223372036854771712\n"
)

// TestFind covers what a service manager, a container and a bare machine show.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  memory.Limit
	}{
		{"not Linux", nil, memory.Limit{}},
		{"machine", map[string]string{"proc/meminfo": meminfo}, memory.Limit{Bytes: 24731708 << 10, Source: "machine"}},
		{"version 1, a group above is smaller", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount, "proc/self/cgroup": "5:devices:/x\n4:memory:/a/b\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     none,
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   "2147483648\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "4294967296\n",
		}, memory.Limit{Bytes: 2 << 30, Source: "control group"}},
		{"version 1 without a limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": none,
		}, memory.Limit{Bytes: 24731708 << 10, Source: "machine"}},
		{"version 1 in a container that sees its group as the root of the mount", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu,memory:/docker/17\n",
			"proc/self/mountinfo":                        "35 31 0:32 /docker/17 /sys/fs/cgroup/memory ro - cgroup cgroup rw,cpu,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
		}, memory.Limit{Bytes: 1 << 30, Source: "control group"}},
		{"version 2", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v2Mount, "proc/self/cgroup": "0::/system.slice/switchyard.service\n",
			"sys/fs/cgroup/system.slice/memory.max":                    "max\n",
			"sys/fs/cgroup/system.slice/switchyard.service/memory.max": "536870912\n",
		}, memory.Limit{Bytes: 512 << 20, Source: "control group"}},
		{"version 2, more than the machine has", map[string]string{
			"proc/meminfo": "MemTotal: 1024 kB\n", "proc/self/mountinfo": v2Mount, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "536870912\n",
		}, memory.Limit{Bytes: 1 << 20, Source: "machine"}},
		{"damaged", map[string]string{
			"proc/meminfo": "MemTotal:\nMemTotal", "proc/self/mountinfo": "35 - \n - cgroup2\n", "proc/self/cgroup": "::\n0\n0::/\n4:memory\n",
		}, memory.Limit{}},
	} {
		if got := memory.Find(files(tt.files)); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestCollector: 80 % of the limit, and a variable of the user's is left alone.
func TestCollector(t *testing.T) {
	if got, want := (memory.Limit{Bytes: 1000}).Collector(), int64(800); got != want {
		t.Errorf("80 %% of 1000 are %d", got)
	}
	before := memory.Collector(0, "")
	if got := memory.Collector(1<<40, "3GiB"); got != before {
		t.Errorf("with GOMEMLIMIT set, %d replaced %d", got, before)
	}
	if got := memory.Collector(1<<40, ""); got != 1<<40 {
		t.Errorf("the limit is %d, want %d", got, int64(1)<<40)
	}
}
