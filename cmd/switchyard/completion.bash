# What follows uses two functions of the package bash-completion. Where that is not
# loaded, these do as much as is needed here.
if ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
# Called with "-n =: cur prev words cword": bash takes = and : for words of their own, so
# what stands without a blank between is put together again.
_get_comp_words_by_ref()
{
    local rest=$COMP_LINE i word before
    words=() cword=0
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        before=${rest%%[![:space:]]*}
        rest=${rest#"$before"}
        rest=${rest#"$word"}
        if ((${#words[@]} > 0)) && [[ -z $before && ( $word == [=:]* || ${words[${#words[@]}-1]} == *[=:] ) ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
        if ((i == COMP_CWORD)); then
            cword=$((${#words[@]} - 1))
        fi
    done
    cur=${words[cword]}
    prev=
    if ((cword > 0)); then
        prev=${words[cword-1]}
    fi
}
fi
if ! declare -F _filedir >/dev/null 2>&1; then
_filedir()
{
    local IFS=$'\n' kind=-f
    [[ ${1-} != -d ]] || kind=-d
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen "$kind" -- "$cur"))
}
fi

