package store_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/broker/brokertest"
	"switchyard/store"
)

// TestConformance runs the suite that every broker.Store must pass, reopening
// after a clean stop and after a crash.
func TestConformance(t *testing.T) {
	for name, stop := range map[string]func(*testing.T, *store.Store, *vfs.MemFS) *vfs.MemFS{
		"stop": func(t *testing.T, s *store.Store, fs *vfs.MemFS) *vfs.MemFS {
			closeStore(t, s)
			return fs
		},
		"crash": func(t *testing.T, s *store.Store, fs *vfs.MemFS) *vfs.MemFS {
			crashed := fs.CrashClone(vfs.CrashCloneCfg{})
			closeStore(t, s)
			return crashed
		},
	} {
		t.Run(name, func(t *testing.T) {
			brokertest.TestStore(t, func(t *testing.T) brokertest.Harness {
				fs := vfs.NewCrashableMem()
				var s *store.Store
				var open func(t *testing.T) brokertest.Harness
				open = func(t *testing.T) brokertest.Harness {
					var err error
					if s, err = store.Open("data", store.Options{FS: fs}); err != nil {
						t.Fatal(err)
					}
					return brokertest.Harness{Store: s, Log: s, Reopen: func(t *testing.T) brokertest.Harness {
						fs = stop(t, s, fs)
						return open(t)
					}}
				}
				t.Cleanup(func() { closeStore(t, s) })
				return open(t)
			})
		})
	}
}

func closeStore(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
