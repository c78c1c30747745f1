package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// suffix is the number of hex digits after a logical name.
const suffix = 8

// nameFor names a resource whose program does not: the name it has, or the logical
// name and eight hex digits drawn from the engine's random seed, which is the same
// in the preview and the update that follows it. The project's own rules for names
// go first.
func nameFor(k *kind, req *pulumirpc.CheckRequest, olds resource.PropertyMap) (string, error) {
	if old := open(olds[resource.PropertyKey(k.name)]); old.IsString() && old.StringValue() != "" {
		return old.StringValue(), nil
	}
	logical := logicalName(req.GetName(), req.GetUrn())
	if a := req.GetAutonaming(); a != nil {
		switch a.GetMode() {
		case pulumirpc.CheckRequest_AutonamingOptions_DISABLE:
			return "", fmt.Errorf("missing required property %q: automatic naming is disabled in this project", k.name)
		case pulumirpc.CheckRequest_AutonamingOptions_ENFORCE:
			return a.GetProposedName(), nil
		case pulumirpc.CheckRequest_AutonamingOptions_PROPOSE:
			if k.naming != uuidName {
				return a.GetProposedName(), nil
			}
		}
	}
	seed := req.GetRandomSeed()
	if len(seed) == 0 {
		return "", errors.New("the engine gave no random seed to make a name from")
	}
	sum := sha256.Sum256(seed)
	if k.naming == uuidName {
		u := sum[:16]
		u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
		h := hex.EncodeToString(u)
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), nil
	}
	base := baseName(k, logical)
	if k.maxName > 0 && len(base) > k.maxName-suffix {
		base = base[:k.maxName-suffix]
	}
	return base + hex.EncodeToString(sum[:])[:suffix], nil
}

// baseName is what a made name starts with. Names of namespaces and factories have
// no underscore, which logical names often do; the vendor's plugin leaves it to the
// service to refuse them.
func baseName(k *kind, logical string) string {
	if k.naming == hyphenName {
		return strings.ReplaceAll(logical, "_", "-")
	}
	return logical
}

// madeName says that a name looks as if nameFor had made it, so that a replacement
// will have another.
func madeName(k *kind, logical, name string) bool {
	if k.naming == uuidName {
		return true
	}
	if len(name) < suffix {
		return false
	}
	if _, err := hex.DecodeString(name[len(name)-suffix:]); err != nil {
		return false
	}
	base := name[:len(name)-suffix]
	return base != "" && strings.HasPrefix(baseName(k, logical), base)
}

// logicalName and typeOf read what older engines only have in the URN.
func logicalName(name, u string) string {
	if name != "" {
		return name
	}
	return urn.URN(u).Name()
}

func typeOf(t, u string) string {
	if t != "" {
		return t
	}
	return string(urn.URN(u).Type())
}
