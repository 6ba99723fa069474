package rules

// Buckets is how many buckets the keys of the outbox are spread over; instances of a service share them out among
// themselves.
const Buckets = 64

// Bucket is which one a key falls into: FNV-1a of 32 bits, modulo 64, the same in every language.
func Bucket(key string) int {
	value := uint32(0x811C9DC5)
	for index := range len(key) {
		value = (value ^ uint32(key[index])) * 0x01000193
	}
	return int(value % Buckets)
}
