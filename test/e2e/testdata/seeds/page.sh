# Runs command lines of a seed page as they are printed there, with az being $PROGRAM. What they set is there for the
# next ones. What is added: the number of nodes, since az's default of three would show nothing more, and the "yes" that a user
# types at a terminal.
set -eu -o pipefail -a
if [ -e "$WORK/variables" ]; then . "$WORK/variables"; fi
az() {
	if [ "${1-} ${2-}" = "aks create" ]; then set -- "$@" --node-count 1; fi
	if [ "${1-} ${2-}" = "aks update" ] && [[ " $* " == *" --enable-managed-identity "* ]]; then set -- "$@" --yes; fi
	command "$PROGRAM" "$@"
}
terraform() {
	if [ "$1" = apply ]; then set -- "$@" -auto-approve; fi
	command "$TERRAFORM" "$@"
}
. "$WORK/$1"
declare -p $(compgen -A export | grep -vE '^(PATH|HOME|WORK|PROGRAM|SHLVL|_|PWD|OLDPWD)$') | sed 's/^declare -[a-z-]* /export /' >"$WORK/variables"
