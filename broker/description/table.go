package description

import "time"

// Sets of entities.
const (
	queue        = 1 << Queue
	topic        = 1 << Topic
	subscription = 1 << Subscription
	all          = queue | topic | subscription
)

const (
	second  = int64(time.Second)
	minute  = int64(time.Minute)
	day     = 24 * int64(time.Hour)
	forever = int64(Forever)
	kib     = int64(1 << 10)
)

// Sizes of entities in megabytes that can be chosen.
var (
	sizes        = []int64{1024, 2048, 3072, 4096, 5120}
	premiumSizes = []int64{1024, 2048, 3072, 4096, 5120, 10240, 20480, 40960, 81920}
)

// statuses by entity.
var statuses = [3][]Status{
	Queue:        {Active, Disabled, SendDisabled, ReceiveDisabled},
	Topic:        {Active, Disabled, SendDisabled},
	Subscription: {Active, Disabled, ReceiveDisabled},
}

// table has the properties of [SB-SEM 1.1] to [SB-SEM 1.3] in the order in which
// they are checked.
var table = []Property{
	{Name: "LockDuration", Kind: Duration, Has: queue | subscription,
		ARM: [3]int{2, 0, 2}, File: true, Word: "lock",
		Limits: Limits{Default: minute, Min: 1, Max: 5 * minute},
		Field:  func(o *Options) any { return &o.LockDuration }},
	{Name: "DefaultMessageTimeToLive", Kind: Duration, Has: all,
		ARM: [3]int{6, 2, 4}, File: true, Word: "ttl",
		Limits: Limits{Default: forever, Min: second, Max: forever},
		Basic:  &Limits{Default: 14 * day, Min: second, Max: 14 * day},
		Field:  func(o *Options) any { return &o.DefaultMessageTimeToLive }},
	// 2,000 is only where Azure's portal stops.
	{Name: "MaxDeliveryCount", Kind: Number, Has: queue | subscription,
		ARM: [3]int{10, 0, 7}, File: true, Word: "max-delivery",
		Limits: Limits{Default: 10, Min: 1, Max: maxNumber},
		Field:  func(o *Options) any { return &o.MaxDeliveryCount }},
	{Name: "MaxSizeInMegabytes", Kind: Number, Has: queue | topic,
		ARM: [3]int{3, 3, 0}, File: true, PerPartition: true,
		Limits:  Limits{Default: 1024, Allowed: sizes},
		Premium: &Limits{Default: 1024, Allowed: premiumSizes},
		Field:   func(o *Options) any { return &o.MaxSizeInMegabytes }},
	{Name: "DuplicateDetectionHistoryTimeWindow", Kind: Duration, Has: queue | topic,
		ARM: [3]int{9, 5, 0}, File: true,
		Word:   "window",
		Limits: Limits{Default: 10 * minute, Min: 20 * second, Max: 7 * day},
		Field:  func(o *Options) any { return &o.DuplicateDetectionHistoryTimeWindow }},
	{Name: "RequiresDuplicateDetection", Kind: Flag, Has: queue | topic,
		ARM: [3]int{4, 4, 0}, File: true, Word: "duplicate-detection", Fixed: true, NotBasic: true,
		Field: func(o *Options) any { return &o.RequiresDuplicateDetection }},
	{Name: "UserMetadata", Kind: Text, Has: all,
		ARM: [3]int{17, 12, 13}, File: true,
		Limits: Limits{Max: 1024},
		Field:  func(o *Options) any { return &o.UserMetadata }},
	{Name: "Status", Kind: Choice, Has: all,
		ARM: [3]int{11, 7, 8}, Word: "status",
		Field: func(o *Options) any { return &o.Status }},
	{Name: "MaxMessageSize", InARM: "maxMessageSizeInKilobytes", Kind: Size, Has: queue | topic,
		ARM:     [3]int{1, 1, 0},
		Limits:  Limits{Default: 256 * kib, Min: 256 * kib, Max: 256 * kib},
		Premium: &Limits{Default: 1024 * kib, Min: 1024 * kib, Max: 102400 * kib},
		Field:   func(o *Options) any { return &o.MaxMessageSize }},
	{Name: "DeadLetteringOnMessageExpiration", Kind: Flag, Has: queue | subscription,
		ARM: [3]int{7, 0, 5}, File: true, Word: "dead-letter-expired",
		Field: func(o *Options) any { return &o.DeadLetteringOnMessageExpiration }},
	{Name: "DeadLetteringOnFilterEvaluationExceptions", Kind: FlagOn, Has: subscription,
		ARM: [3]int{0, 0, 6}, File: true, Word: "skip-filter-errors",
		Field: func(o *Options) any { return &o.DeadLetteringOnFilterEvaluationExceptions }},
	{Name: "EnableBatchedOperations", Kind: FlagOn, Has: all,
		ARM:   [3]int{8, 6, 9},
		Field: func(o *Options) any { return &o.EnableBatchedOperations }},
	{Name: "SupportOrdering", Kind: FlagOn, Has: topic,
		ARM:   [3]int{0, 8, 0},
		Field: func(o *Options) any { return &o.SupportOrdering }},

	{Name: "RequiresSession", Kind: Flag, Has: queue | subscription,
		ARM: [3]int{5, 0, 3}, File: true, Word: "session", Fixed: true, NotBasic: true,
		Field: func(o *Options) any { return &o.RequiresSession }},

	{Name: "ForwardTo", Kind: Text, Has: queue | subscription,
		ARM: [3]int{15, 0, 11}, File: true, Word: "forward-to", NotBasic: true,
		Field: func(o *Options) any { return &o.ForwardTo }},
	{Name: "ForwardDeadLetteredMessagesTo", Kind: Text, Has: queue | subscription,
		ARM: [3]int{16, 0, 12}, File: true, Word: "forward-dead-lettered-to", NotBasic: true,
		Field: func(o *Options) any { return &o.ForwardDeadLetteredMessagesTo }},
	{Name: "AutoDeleteOnIdle", Kind: Duration, Has: all,
		ARM: [3]int{12, 9, 10}, File: true, Word: "auto-delete", NotBasic: true,
		Limits: Limits{Default: forever, Min: 5 * minute, Max: forever},
		Field:  func(o *Options) any { return &o.AutoDeleteOnIdle }},

	// What the broker does not have yet is refused by name.
	{Name: "EnablePartitioning", Kind: Flag, Has: queue | topic,
		ARM: [3]int{13, 10, 0}, File: true, Word: "partitioned", Fixed: true, NotPremium: "the partitions are those of the namespace",
		Field: func(o *Options) any { return &o.EnablePartitioning }},
	{Name: "EnableExpress", Kind: Flag, Has: queue | topic,
		ARM: [3]int{14, 11, 0}, Unsupported: true,
		Field: func(o *Options) any { return &o.EnableExpress }},
	{Name: "EnableSubscriptionPartitioning", Kind: Flag, Has: topic,
		Unsupported: true,
		Field:       func(o *Options) any { return &o.EnableSubscriptionPartitioning }},
	{Name: "FilteringMessagesBeforePublishing", Kind: Flag, Has: topic,
		Word: "filtering-before-publishing", Unsupported: true,
		Field: func(o *Options) any { return &o.FilteringMessagesBeforePublishing }},
	{Name: "ClientAffine", InARM: "isClientAffine", Kind: Flag, Has: subscription,
		ARM: [3]int{0, 0, 1}, Fixed: true, Unsupported: true,
		Field: func(o *Options) any { return &o.ClientAffine }},
}

// outputs has what an entity shows and nobody can set, in the order of ARM's
// answers.
var outputs = []Output{
	{"sizeInBytes", queue | topic}, {"messageCount", queue | subscription},
	{"subscriptionCount", topic}, {"countDetails", all},
	{"createdAt", all}, {"updatedAt", all}, {"accessedAt", all},
}
