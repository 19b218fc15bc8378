# SPDX-License-Identifier: BSD-3-Clause
# bash completion for vgpio: commands and options as `--help` lists them, names of lines
# as the chip itself tells them.

_vgpio_options() # COMMAND...: every option in its help
{
    "${COMP_WORDS[0]}" "$@" --help 2> /dev/null |
        sed -n 's/^ \{2,6\}\(-.*\)/\1/p' | sed 's/  .*//' |
        grep -oE '(^|[ ,])--?[a-zA-Z][a-zA-Z-]*' | tr -d ' ,'
}

_vgpio_lines() # names of lines of the chip on the command line; quick, or none
{
    local i chip=() patience=${VGPIO_COMPLETION_TIMEOUT:-200ms}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -c | --chip)
                [ "${COMP_WORDS[i + 1]}" != = ] || ((i++))
                chip=(--chip "${COMP_WORDS[i + 1]}")
                ;;
        esac
    done
    "${COMP_WORDS[0]}" info --unquoted --timeout "$patience" "${chip[@]}" 2> /dev/null |
        sed -n 's/^\tline *[0-9]*:\t\(.*[^ ]\) *\t.*/\1/p' | grep -vx unnamed
}

# Not by `compgen -W`, which expands what it is given: a name is whatever a back end says.
_vgpio_offer_lines() # CURRENT SUFFIX
{
    local name
    while IFS= read -r name; do
        printf -v name %q "$name"
        [[ $name != "$1"* ]] || COMPREPLY+=("$name$2")
    done < <(_vgpio_lines)
}

_vgpio()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words='' value=''

    COMPREPLY=()
    # Bash makes `=` a word of its own.
    if [ "$cur" = = ]; then
        cur='' value=yes
    elif [ "$prev" = = ]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]} value=yes
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("${COMP_WORDS[0]}" --help 2> /dev/null |
            sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words $(_vgpio_options)" -- "$cur")
        return
    fi
    case $prev in
        -c | --chip | -s | --socket-path | --lines-file | --control | --vcd | --board | --script | --log)
            if [ "$prev" != -s ] || [[ $command = serve || $command = check || $command = trap ]]; then
                compopt -o filenames 2> /dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
            fi
            ;;
        -e | --edges) words="rising falling both" ;;
        -E | --event-clock) words="monotonic realtime" ;;
        -d | --drive) words="push-pull" ;;
        -b | --bias) words="as-is" ;;
        -*) ;;
        *) [ "$command$value" != setyes ] || words="active inactive" ;;
    esac
    if [ -z "$words" ]; then
        case $command:$cur in
            *:-*) words=$(_vgpio_options "$command") ;;
            get:* | mon:* | info:*)
                _vgpio_offer_lines "$cur" ''
                return
                ;;
            set:*)
                compopt -o nospace 2> /dev/null
                _vgpio_offer_lines "$cur" =
                return
                ;;
            ctl:* | record:* | replay:* | detect:* | decode:* | doctor:*)
                compopt -o filenames 2> /dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                return
                ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _vgpio vgpio
