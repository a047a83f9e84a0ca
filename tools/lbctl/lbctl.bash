# SPDX-License-Identifier: GPL-2.0-only
# bash completion for lbctl. What may come next is lbctl's own knowledge (lbctl __complete); here is
# only what bash needs: splitting the line at blanks alone, because an IPv6 address holds colons and
# bash would break words there, and giving back what bash expects after its last colon.

_lbctl()
{
	local line=${COMP_LINE:0:COMP_POINT} candidates current prefix word
	local -a words

	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	current=${words[-1]}
	candidates=$("${words[0]}" __complete "${words[@]:1}" 2>/dev/null) || return
	COMPREPLY=()
	if [[ $candidates == @files ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	while read -r word; do # compgen -W would run what a candidate has in $()
		[[ -n $word && $word == "$current"* ]] && COMPREPLY+=("$word")
	done <<<"$candidates"
	if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
		prefix=${current%"${current##*:}"}
		COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
	fi
}

complete -F _lbctl lbctl
