// Package registration is how something becomes registered in a subscription, a
// resource provider or a preview feature: not at once, but a while after it was
// asked for.
//
// It is pure. What is stored is what was asked for and when; the state follows
// from that and the time, so that no timer has to survive a restart and a clock
// that a test moves takes effect immediately.
package registration
