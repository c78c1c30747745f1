package value

import "bytes"

// partSize is about the most that Parse takes for one of the characters that begin an
// element or a member: half of an empty object in an array that grew by doubling.
const partSize = 64

// ParsedSize is about the most memory that [Parse] takes for a JSON text beside the text
// itself. Lists of empty lists take some forty times as much as they are long.
func ParsedSize(b []byte) int64 {
	parts := 0
	for _, c := range []byte(",:[{") {
		parts += bytes.Count(b, []byte{c})
	}
	return int64(len(b)) + partSize*int64(parts)
}
