package login

import "errors"

// ErrSignedOut says that nobody is signed in to the cloud.
var ErrSignedOut = errors.New("Please run 'lanyard login' to setup account.") //nolint:staticcheck // az's text
