package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// autoSize is the size that the program finds out.
const autoSize = "auto"

// units are the suffixes of a size. Those of thousands are left out: nobody means
// them, and everybody's "G" is read as another number.
var units = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}}

// ParseSize reads a number of bytes such as 512MiB or 2GiB, as GOMEMLIMIT is
// written, or "auto", which is 0.
func ParseSize(s string) (int64, error) {
	if s == autoSize {
		return 0, nil
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > 0 && n <= math.MaxInt64/u.bytes {
			return n * u.bytes, nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size such as 512MiB or 2GiB, nor auto", s)
}
