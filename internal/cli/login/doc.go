// Package login knows who is signed in and where: the clouds, the subscriptions that
// a sign-in found, the settings, and the credentials and tokens of the user.
//
// All of it lies in one folder, $LANYARD_CONFIG_DIR or ~/.lanyard, in files that only
// the user can read. az's own folder is never touched. Tokens are asked of azidentity
// and MSAL and kept until five minutes before they expire, so that a second command
// signs in nowhere.
package login
