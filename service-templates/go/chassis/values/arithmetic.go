package values

import "github.com/shopspring/decimal"

// What the conditions and calculations of a specification are made of.

// DecimalOf a whole number.
func DecimalOf(number int64) Decimal { return Decimal{decimal.NewFromInt(number)} }

// Plus is the sum.
func (d Decimal) Plus(other Decimal) Decimal { return Decimal{d.Add(other.Decimal)} }

// Minus is the difference.
func (d Decimal) Minus(other Decimal) Decimal { return Decimal{d.Sub(other.Decimal)} }

// Times is the product.
func (d Decimal) Times(other Decimal) Decimal { return Decimal{d.Mul(other.Decimal)} }

// Compare is negative, zero or positive.
func (d Decimal) Compare(other Decimal) int { return d.Cmp(other.Decimal) }

// Ptr is a value where there may be none.
func Ptr[T any](value T) *T { return &value }

// Size is how many characters a text has.
func Size(text string) int64 { return int64(len([]rune(text))) }

// Len is how many items a list has.
func Len[T any](items []T) int64 { return int64(len(items)) }

// Those are the items that a condition holds for.
func Those[T any](items []T, holds func(T) bool) []T {
	var found []T
	for _, item := range items {
		if holds(item) {
			found = append(found, item)
		}
	}
	return found
}

// SumInt adds up; it panics with *OutOfRange where 64 bits do not hold the sum.
func SumInt[T any](items []T, term func(T) int64) int64 {
	var sum int64
	for _, item := range items {
		sum = Add(sum, term(item))
	}
	return sum
}

// SumDecimal adds up.
func SumDecimal[T any](items []T, term func(T) Decimal) Decimal {
	var sum Decimal
	for _, item := range items {
		sum = sum.Plus(term(item))
	}
	return sum
}

// SumMoney adds up; the sum over nothing has no currency. It panics with *MixedCurrencies and *OutOfRange.
func SumMoney[T any](items []T, term func(T) Money) Money {
	var sum Money
	for _, item := range items {
		sum = sum.Plus(term(item))
	}
	return sum
}
