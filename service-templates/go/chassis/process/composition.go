// Package process runs a service: it puts the parts together and gives them their life, from settings to exit code 0 after
// SIGTERM.
package process

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"chassis"
	"chassis/codec"
	"chassis/consumer"
	"chassis/database"
	"chassis/desk"
	"chassis/dispatch"
	"chassis/execute"
	"chassis/httpapi"
	"chassis/inbox"
	"chassis/kafka"
	"chassis/message"
	"chassis/migrations"
	"chassis/outbox"
	"chassis/peers"
	"chassis/reactions"
	"chassis/recovery"
	"chassis/registry"
	"chassis/relay"
	"chassis/rules"
	"chassis/saga"
	"chassis/schedule"
	"chassis/service"
	"chassis/settings"
	"chassis/telemetry"
)

const (
	developmentSession, productionSession = 6 * time.Second, 30 * time.Second

	openMost    = 30 * time.Second // for database and registry each
	quiesceMost = 20 * time.Second
	relayMost   = 5 * time.Second
	closeMost   = 2 * time.Second
	topicsMost  = 500 * time.Millisecond // usually enough to find that all topics are there
	sweepEvery  = time.Hour
)

// composition holds the parts of one running service, and the order in which they begin and end. Nothing connects before
// open.
type composition struct {
	service  *service.Service
	settings *settings.Settings
	began    time.Time

	codec      *codec.Codec
	db         *database.Database
	producer   *kafka.Producer
	letters    *kafka.Producer // of its own: a dead letter must not wait behind the relay's batches
	peers      *peers.Client
	engine     *saga.Engine
	inbox      *inbox.Inbox
	redelivery *recovery.Redelivery
	consumer   *consumer.Consumer
	retries    *recovery.RetryReader
	relay      *relay.Relay
	timers     *saga.Timers
	timetable  *schedule.Timetable
	health     *httpapi.Health
	api        *httpapi.API
	admin      *httpapi.Admin

	dead *recovery.DeadLetters
	stop context.CancelFunc // of sweeps
}

func compose(of *service.Service, read *settings.Settings) (*composition, error) {
	facts := of.Definition
	encoder, err := codec.New(facts, registry.At(read.RegistryURL))
	if err != nil {
		return nil, err
	}
	c := &composition{service: of, settings: read, began: time.Now(), codec: encoder}
	envelopes := outbox.New(facts, encoder)
	c.db, err = database.Configure(read.DatabaseURL, database.Options{Publisher: envelopes, Application: facts.Name.Kebab})
	if err != nil {
		return nil, err
	}
	if c.producer, err = kafka.NewProducer(read.KafkaBootstrap, read.Instance); err != nil {
		return nil, err
	}
	if c.letters, err = kafka.NewProducer(read.KafkaBootstrap, facts.Group()+".dead-letters"); err != nil {
		return nil, err
	}
	c.peers = peers.New(read, facts.Limits)
	c.db.Peers = c.peers
	c.engine = saga.NewEngine(facts, encoder, envelopes, c.execute, c.call)
	c.inbox = inbox.New(c.db, dispatch.New(), facts.Group())
	c.inbox.Attempts = facts.Limits.DeadLetterAttempts
	c.relay = relay.New(c.db, c.producer, read.Instance)
	if len(facts.Sagas) > 0 {
		c.timers = c.engine.Timers(c.db)
	}
	jobs, err := schedule.Commands(of, c.db, c.engine)
	if err != nil {
		return nil, err
	}
	c.timetable = schedule.NewTimetable(jobs)
	if err := c.subscribe(); err != nil {
		return nil, err
	}
	c.serve()
	return c, nil
}

func (c *composition) execute(ctx context.Context, name string, data map[string]any, work *database.Work) (execute.Executed, error) {
	return execute.Command(ctx, c.service, name, data, work, c.engine)
}

// call asks a peer for a saga; its outcome in this context's own terms.
func (c *composition) call(ctx context.Context, request saga.Request) (saga.Answer, error) {
	answer, err := c.peers.Post(ctx, request)
	if err == nil && answer.CarriedOut {
		answer.Data, err = reactions.OwnTerms(c.service, answer.Event, answer.Data)
	}
	return answer, err
}

// subscribe makes what reads the bus: inbox, consumer, and the redelivery of what is parked.
func (c *composition) subscribe() error {
	facts, bootstrap := c.service.Definition, c.settings.KafkaBootstrap
	session := developmentSession
	if c.settings.IsProduction() {
		session = productionSession
	}
	c.dead = &recovery.DeadLetters{
		Sender: c.letters, Group: facts.Group(), Service: facts.Name.Text, Delays: rules.RetryDelays,
		Retention: seconds(facts.Limits.DeadLetterRetention),
		Ensure: func(ctx context.Context, topics []kafka.WantedTopic) error {
			return kafka.EnsureTopics(ctx, bootstrap, topics)
		},
	}
	c.inbox.Forward = recovery.Forwarding(c.inbox, c.dead)
	c.redelivery = recovery.NewRedelivery(c.inbox, c.dead)
	c.redelivery.Advances = facts.Limits.OnDeadLetter == "advance"
	c.redelivery.Missing = func(ctx context.Context, record *message.Record, after int64) ([]*message.Record, error) {
		return consumer.Missing(ctx, bootstrap, record, after)
	}
	c.inbox.OnParked = c.redelivery.Wake
	if len(facts.Subscriptions) == 0 {
		return nil
	}
	var retries []string
	for _, each := range facts.Subscriptions {
		c.inbox.Unordered[each.Topic] = !each.Ordered
		retries = append(retries, rules.RetryTopics(each.Topic, facts.Group(), each.Ordered, len(rules.RetryDelays))...)
	}
	var err error
	if c.retries, err = recovery.NewRetryReader(c.inbox, bootstrap, retries, session); err != nil {
		return err
	}
	c.consumer, err = consumer.New(c.inbox, consumer.Options{
		Bootstrap: bootstrap, Topics: c.topicsRead(), Member: c.settings.Member, Session: session,
	})
	return err
}

func (c *composition) topicsRead() []string {
	var topics []string
	for _, each := range c.service.Definition.Subscriptions {
		topics = append(topics, each.Topic)
	}
	return topics
}

// serve makes the interfaces.
func (c *composition) serve() {
	authenticate := httpapi.Tokens(c.settings.Auth, httpapi.KeysAt(c.settings.Auth.JWKSURL))
	c.health = httpapi.NewHealth(c.db)
	c.api = httpapi.New(c.service, httpapi.Ports{
		DB: c.db, Authenticate: authenticate, Sagas: c.engine, Steps: c.engine,
	})
	c.admin = httpapi.NewAdmin(c.health, &httpapi.SQLOperations{
		DB: c.db, Inbox: c.inbox, Sagas: saga.NewAdmin(c.engine, c.db), Source: c.service.Definition.Source,
		Running: c.running, Content: c.content,
		Desk: &desk.Desk{
			DB: c.db, Inbox: c.inbox, Sender: c.letters, Bootstrap: c.settings.KafkaBootstrap, Topics: c.topicsRead(),
			Owner: c.settings.Instance,
		},
	}, authenticate)
}

// running is what operators see of this instance.
func (c *composition) running() map[string]any {
	return map[string]any{
		"service": c.service.Definition.Name.Text, "instance": c.settings.Instance, "chassis": chassis.Version,
		"environment": c.settings.Environment, "uptime": time.Since(c.began).Round(100 * time.Millisecond).Seconds(),
		"relayBuckets": c.relay.Buckets(), "consumerAssigned": c.consumer != nil && c.consumer.IsAssigned(),
	}
}

// content is a payload fit for operators: without the content of sensitive fields.
func (c *composition) content(ctx context.Context, record *message.Record) (any, error) {
	data, err := c.codec.Decode(ctx, record)
	if err != nil {
		return nil, err
	}
	return telemetry.Redact(data, telemetry.SensitiveNames(c.service.Definition)), nil
}

// open brings the database up to date, makes schemas and topics known, then lets the parts begin.
func (c *composition) open(ctx context.Context) error {
	facts := c.service.Definition
	starting, cancel := context.WithTimeout(ctx, openMost)
	defer cancel()
	if err := c.db.Open(starting); err != nil {
		return err
	}
	files := migrations.Files{Generated: c.service.Generated, Tables: c.service.Tables, Service: c.service.Migrations}
	if _, err := migrations.Migrate(ctx, c.db, files); err != nil {
		return err
	}
	err := c.db.Work(ctx, message.NewContext(), func(work *database.Work) error { return c.engine.Check(ctx, work) })
	if err != nil {
		return err
	}
	c.inbox.Dispatch = c.dispatch() // sagas that began with older definitions may need more
	registering, done := context.WithTimeout(ctx, openMost)
	defer done()
	if err := c.codec.Register(registering); err != nil {
		return err
	}
	c.ensureTopics(ctx)
	telemetry.Observe(c.db, c.relay.Buckets)
	running := context.WithoutCancel(ctx)
	c.relay.Start(running)
	if c.timers != nil {
		c.timers.Start(running)
	}
	if len(facts.Subscriptions) > 0 {
		c.redelivery.Start(running)
		c.retries.Start(running)
		c.consumer.Start(running)
	}
	c.timetable.Start(running)
	sweeping, stop := context.WithCancel(running)
	c.stop = stop
	go c.sweep(sweeping)
	return nil
}

// dispatch says which code handles which record.
func (c *composition) dispatch() *dispatch.Dispatch {
	all := reactions.Handlers(c.service, c.codec, c.engine)
	for _, handlers := range []map[string][]dispatch.Handler{c.engine.Handlers(), c.engine.CommandHandlers()} {
		for ceType, each := range handlers {
			for _, handler := range each {
				all.On(ceType, handler)
			}
		}
	}
	return all
}

// ensureTopics makes missing topics; without a broker, or with one that leaves such calls unanswered, the service goes on.
func (c *composition) ensureTopics(ctx context.Context) {
	facts := c.service.Definition
	var topics []kafka.WantedTopic
	for _, each := range slices.Concat(facts.Topics, facts.RecoveryTopics) {
		topics = append(topics, kafka.WantedTopic{
			Name: each.Name, Partitions: each.Partitions, Replicas: each.Replicas, Retention: seconds(each.Retention),
		})
	}
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		ensuring, cancel := context.WithTimeout(ctx, openMost)
		defer cancel()
		if err := kafka.EnsureTopics(ensuring, c.settings.KafkaBootstrap, topics); err != nil {
			slog.WarnContext(ctx, "topics are somebody else's to make", "reason", err)
		}
		c.producer.WarmUp(ensuring)
		read := map[string]bool{}
		for _, each := range facts.Subscriptions {
			read[each.Topic] = each.Ordered
		}
		if err := c.dead.Prepare(ensuring, read); err != nil {
			slog.WarnContext(ctx, "topics of failed records are made when they are needed", "reason", err)
		}
	}()
	select {
	case <-ready:
	case <-time.After(topicsMost):
	}
}

// sweep forgets what is kept long enough.
func (c *composition) sweep(ctx context.Context) {
	inTx := func(of func(context.Context, pgx.Tx) (int64, error)) func(context.Context) (int64, error) {
		return func(ctx context.Context) (gone int64, err error) {
			err = c.db.Tx(ctx, func(tx pgx.Tx) (err error) {
				gone, err = of(ctx, tx)
				return err
			})
			return gone, err
		}
	}
	sweeps := map[string]func(context.Context) (int64, error){
		"idempotency":  func(ctx context.Context) (int64, error) { return httpapi.SweepAnswers(ctx, c.db.Pool()) },
		"inbox":        func(ctx context.Context) (int64, error) { return inbox.Sweep(ctx, c.db.Pool()) },
		"dead letters": func(ctx context.Context) (int64, error) { return desk.Sweep(ctx, c.db.Pool()) },
		"sagas":        inTx(saga.Sweep),
	}
	for {
		timer := time.NewTimer(sweepEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		for name, batch := range sweeps {
			for gone, err := batch(ctx); gone > 0 || err != nil; gone, err = batch(ctx) {
				if err != nil {
					slog.WarnContext(ctx, "what is old could not be forgotten", "of", name, "reason", err)
					break
				}
			}
		}
	}
}

// quiesce begins nothing new: no timer, no record. Requests may still be under way.
func (c *composition) quiesce() {
	ends := []func(){c.redelivery.Stop, c.timetable.Stop}
	if c.stop != nil {
		ends = append(ends, c.stop)
	}
	if c.consumer != nil {
		ends = append(ends, c.consumer.Stop, c.retries.Stop)
	}
	if c.timers != nil {
		ends = append(ends, c.timers.Stop)
	}
	within(quiesceMost, ends...)
}

// close sends what the last transactions left in the outbox, gives up all leases, and closes what is open. A broker that
// is away must not hold up the end: what is not sent stays in the outbox, and leases expire.
func (c *composition) close() {
	within(relayMost, c.relay.Stop)
	within(closeMost, c.producer.Close, c.letters.Close, c.peers.Close, c.db.Close)
}

// within makes the calls at the same time and waits for them, but no longer than that.
func within(most time.Duration, calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(most):
		slog.Warn("stopping goes on without waiting any longer")
	}
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }
