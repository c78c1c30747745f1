package servicebus

import (
	"math"
	"math/big"
	"strconv"
)

// decimal reads a decimal of IEEE 754-2008 in binary integer encoding (AMQP part
// 1, 1.6.13 to 1.6.15) as the nearest double. Its exponent has so many bits. Text
// such as NaN and infinity becomes the double of that name.
//
//	sign:1 exponent significand              unless the exponent begins with 11
//	sign:1 11 exponent significand           with 100 before the significand
//	sign:1 1111 …                            infinity, or with 11111 not a number
func decimal(b []byte, exponentBits int) float64 {
	n := new(big.Int).SetBytes(b)
	bits := len(b) * 8
	field := func(from, width int) *big.Int { // from the left
		v := new(big.Int).Rsh(n, uint(bits-from-width))
		return v.And(v, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(width)), big.NewInt(1)))
	}
	negative := field(0, 1).Sign() != 0
	signed := func(f float64) float64 {
		if negative {
			return -f
		}
		return f
	}
	switch combination := field(1, 5).Int64(); {
	case combination == 0b11111:
		return math.NaN()
	case combination == 0b11110:
		return signed(math.Inf(1))
	}
	from := 1
	significand := new(big.Int)
	if field(1, 2).Int64() == 0b11 {
		from = 3
		significand.Lsh(big.NewInt(0b100), uint(bits-from-exponentBits))
	}
	exponent := field(from, exponentBits).Int64()
	significand.Or(significand, field(from+exponentBits, bits-from-exponentBits))
	precision := map[int]int64{8: 7, 10: 16, 14: 34}[exponentBits]
	if significand.Cmp(new(big.Int).Exp(big.NewInt(10), big.NewInt(precision), nil)) >= 0 {
		significand.SetInt64(0) // not canonical: zero, by 3.5.2 of the standard
	}
	bias := 3<<(exponentBits-3) + precision - 2
	f, _ := strconv.ParseFloat(significand.String()+"e"+strconv.FormatInt(exponent-bias, 10), 64)
	return signed(f)
}
