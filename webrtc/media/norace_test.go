//go:build !race

package media

const raced = 0
