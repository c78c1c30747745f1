package broker

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"switchyard/broker/entity"
)

// The SKUs of a namespace [SB-SEM 1.4].
const (
	SKUBasic    = "Basic"
	SKUStandard = "Standard"
	SKUPremium  = "Premium"
)

const (
	maxPathLength      = 260
	maxNamespaceLength = 50
	maxMetadataLength  = 1024
	maxLockDuration    = 5 * time.Minute
	basicTimeToLive    = 14 * 24 * time.Hour
)

func (o NamespaceOptions) normal() (NamespaceOptions, error) {
	if o.SKU == "" {
		o.SKU = SKUStandard
	}
	for _, sku := range [...]string{SKUBasic, SKUStandard, SKUPremium} {
		if strings.EqualFold(o.SKU, sku) {
			o.SKU = sku
			return o, nil
		}
	}
	return o, fmt.Errorf("%w: SKU %q: want Basic, Standard or Premium", ErrInvalidArgument, o.SKU)
}

func checkNamespaceName(name string) error {
	if name == "" || len(name) > maxNamespaceLength {
		return fmt.Errorf("%w: namespace name %q: want 1 to %d characters", ErrInvalidArgument, name, maxNamespaceLength)
	}
	for i, c := range []byte(name) {
		if !letterOrDigit(c) && (c != '-' || i == 0 || i == len(name)-1) {
			return fmt.Errorf("%w: namespace name %q: want letters, digits and inner hyphens", ErrInvalidArgument, name)
		}
	}
	return nil
}

func letterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// checkPath applies the rules for names of queues and topics [SB-SEM 1].
func checkPath(path string) error {
	if path == "" || len(path) > maxPathLength {
		return fmt.Errorf("%w: queue path %q: want 1 to %d characters", ErrInvalidArgument, path, maxPathLength)
	}
	for _, segment := range strings.Split(path, "/") {
		if segment == "" {
			return fmt.Errorf("%w: queue path %q: empty segment", ErrInvalidArgument, path)
		}
		for _, c := range []byte(segment) {
			if !letterOrDigit(c) && !strings.ContainsRune(".-_~", rune(c)) {
				return fmt.Errorf("%w: queue path %q contains character(s) that is not allowed by Service Bus: "+
					"entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_)", ErrInvalidArgument, path)
			}
		}
	}
	if !letterOrDigit(path[0]) || !letterOrDigit(path[len(path)-1]) {
		return fmt.Errorf("%w: queue path %q must begin and end with a letter or digit", ErrInvalidArgument, path)
	}
	return nil
}

// normal fills in defaults [SB-SEM 1.1] and refuses what is out of range or not
// supported.
func (o QueueOptions) normal(sku string) (QueueOptions, error) {
	if err := o.supported(); err != nil {
		return o, err
	}
	defaultTTL, maxTTL := Forever, Forever
	if sku == SKUBasic {
		defaultTTL, maxTTL = basicTimeToLive, basicTimeToLive
	}
	setDefault(&o.LockDuration, time.Minute)
	setDefault(&o.DefaultMessageTimeToLive, defaultTTL)
	setDefault(&o.MaxDeliveryCount, 10)
	setDefault(&o.MaxSizeInMegabytes, 1024)
	setDefault(&o.Status, StatusActive)
	setDefault(&o.DuplicateDetectionHistoryTimeWindow, 10*time.Minute)
	setDefault(&o.AutoDeleteOnIdle, Forever)
	if o.EnableBatchedOperations == nil {
		yes := true
		o.EnableBatchedOperations = &yes
	}
	switch {
	case o.LockDuration < 0 || o.LockDuration > maxLockDuration:
		return o, invalidOption("LockDuration", o.LockDuration, "more than 0, at most 5 minutes")
	case o.DefaultMessageTimeToLive < time.Second || o.DefaultMessageTimeToLive > maxTTL:
		return o, invalidOption("DefaultMessageTimeToLive", o.DefaultMessageTimeToLive, "at least 1 s, in a Basic namespace at most 14 days")
	case o.MaxDeliveryCount < 1 || o.MaxDeliveryCount > math.MaxInt32:
		return o, invalidOption("MaxDeliveryCount", o.MaxDeliveryCount, "1 to 2147483647")
	case !slices.Contains(maxSizes(sku), o.MaxSizeInMegabytes):
		return o, invalidOption("MaxSizeInMegabytes", o.MaxSizeInMegabytes, fmt.Sprintf("one of %v in a %s namespace", maxSizes(sku), sku))
	case o.DuplicateDetectionHistoryTimeWindow < 20*time.Second || o.DuplicateDetectionHistoryTimeWindow > 7*24*time.Hour:
		return o, invalidOption("DuplicateDetectionHistoryTimeWindow", o.DuplicateDetectionHistoryTimeWindow, "20 s to 7 days")
	case utf8.RuneCountInString(o.UserMetadata) > maxMetadataLength:
		return o, invalidOption("UserMetadata", "", "at most 1024 characters")
	}
	switch o.Status {
	case StatusActive, StatusDisabled, StatusSendDisabled, StatusReceiveDisabled:
	default:
		return o, invalidOption("Status", o.Status, "Active, Disabled, SendDisabled or ReceiveDisabled")
	}
	return o.normalMessageSize(sku)
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func maxSizes(sku string) []int {
	if sku == SKUPremium {
		return []int{1024, 2048, 3072, 4096, 5120, 10240, 20480, 40960, 81920}
	}
	return []int{1024, 2048, 3072, 4096, 5120}
}

func (o QueueOptions) normalMessageSize(sku string) (QueueOptions, error) {
	const kib = 1 << 10
	if sku != SKUPremium {
		setDefault(&o.MaxMessageSize, 256*kib)
		if o.MaxMessageSize != 256*kib {
			return o, fmt.Errorf("%w: MaxMessageSize %d: it can be set only in a Premium namespace", ErrInvalidArgument, o.MaxMessageSize)
		}
		return o, nil
	}
	setDefault(&o.MaxMessageSize, 1024*kib)
	if o.MaxMessageSize < 1024*kib || o.MaxMessageSize > 102400*kib {
		return o, fmt.Errorf("%w: MaxMessageSize %d: want 1024 to 102400 KiB", ErrInvalidArgument, o.MaxMessageSize)
	}
	return o, nil
}

// A feature is a property that stands for something the broker does not have.
type feature struct {
	name string
	set  bool
}

// supported refuses by name what the broker does not have.
func (o QueueOptions) supported() error {
	return refuse("queue", []feature{
		{"RequiresSession", o.RequiresSession},
		{"RequiresDuplicateDetection", o.RequiresDuplicateDetection},
		{"ForwardTo", o.ForwardTo != ""},
		{"ForwardDeadLetteredMessagesTo", o.ForwardDeadLetteredMessagesTo != ""},
		{"AutoDeleteOnIdle", o.AutoDeleteOnIdle != 0 && o.AutoDeleteOnIdle != Forever},
		{"EnablePartitioning", o.EnablePartitioning},
		{"EnableExpress", o.EnableExpress},
	})
}

// refuse fails if one of the features is set.
func refuse(kind string, features []feature) error {
	for _, x := range features {
		if x.set {
			return &NotSupportedError{What: kind + " property " + x.name}
		}
	}
	return nil
}

// config is what the state machine needs of normal options.
func (o QueueOptions) config() entity.Config {
	return entity.Config{
		LockDuration:           o.LockDuration,
		DefaultTimeToLive:      o.DefaultMessageTimeToLive,
		MaxDeliveryCount:       uint32(o.MaxDeliveryCount),
		DeadLetterOnExpiration: o.DeadLetteringOnMessageExpiration,
		MaxBytes:               int64(o.MaxSizeInMegabytes) << 20,
		MaxMessageBytes:        o.MaxMessageSize,
		Status:                 o.Status,
	}
}

// Validate reports what [Broker.PutQueue] would refuse these options for in a
// Standard namespace, so that a file of definitions can be checked before
// anything is created. Errors wrap [ErrInvalidArgument] or [ErrNotSupported].
func (o QueueOptions) Validate() error {
	_, err := o.normal(SKUStandard)
	return err
}

// CheckPath reports whether a queue or a topic may have the path [SB-SEM 1].
func CheckPath(path string) error { return checkPath(path) }
