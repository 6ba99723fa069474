package rules

// Limits of further tries of a call; milliseconds.
const (
	CallBase = 50
	CallCap  = 2_000
	// TenthsOfTry and TenthsMost count tenths of a try: sums of a tenth are not exact.
	TenthsOfTry = 10
	TenthsMost  = 100
)

// Budget holds tokens for further tries: every call brings a tenth of one, and some are saved for quiet times.
type Budget struct{ Tenths int }

// NewBudget is a full one.
func NewBudget() Budget { return Budget{TenthsMost} }

// AfterCall is the budget after a first try was made.
func (b Budget) AfterCall() Budget { return Budget{min(TenthsMost, b.Tenths+1)} }

// Spend takes one further try; false when there is nothing left for it.
func (b Budget) Spend() (Budget, bool) {
	if b.Tenths < TenthsOfTry {
		return b, false
	}
	return Budget{b.Tenths - TenthsOfTry}, true
}

// WaitBeforeTry is how many milliseconds to wait before the next try after tried ones; false when there is none, or no
// time for it.
func WaitBeforeTry(tried, attempts int, remaining int64, choose Choose) (int64, bool) {
	if tried >= attempts {
		return 0, false
	}
	delay := FullJitter(tried, CallBase, CallCap, choose)
	return delay, delay < remaining
}
