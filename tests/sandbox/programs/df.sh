#!/bin/bash
# df --output=COLUMN,… [-B1] [--] PATH…: the file system with the longest mount that begins PATH, out of the table
# <root>/answers/df (source fstype size avail iavail target, one file system a line); without PATH all of them.
columns=source,fstype,size,avail,iavail,target
paths=()
for word; do
  case $word in
  --output=*) columns=${word#--output=} ;;
  -*) ;;
  *) paths+=("$word") ;;
  esac
done

declare -A title=([source]=Filesystem [fstype]=Type [size]=1B-blocks [avail]=Avail [iavail]=IFree [target]='Mounted on')
show() { # show SOURCE FSTYPE SIZE AVAIL IAVAIL TARGET: the chosen columns
  local -A value=([source]=$1 [fstype]=$2 [size]=$3 [avail]=$4 [iavail]=$5 [target]=$6)
  local column line=''
  for column in ${columns//,/ }; do line+="${value[$column]} "; done
  printf '%s\n' "${line% }"
}

find_mount() { # find_mount PATH: the line of the table for it
  local path=${1#"$SANDBOX_ROOT"} best='' found=() row
  while read -r -a row; do
    local mount=${row[5]%/}
    if [[ "$path/" == "$mount/"* && ${#row[5]} -gt ${#best} ]]; then best=${row[5]} && found=("${row[@]}"); fi
  done <"$SANDBOX_ROOT/answers/df"
  show "${found[@]}"
}

if [[ ! -f $SANDBOX_ROOT/answers/df ]]; then echo 'df: command not found' >&2 && exit 127; fi
show "${title[source]}" "${title[fstype]}" "${title[size]}" "${title[avail]}" "${title[iavail]}" "${title[target]}"
code=0
for path in "${paths[@]}"; do
  if [[ -e $path ]]; then find_mount "$path"; else echo "df: $path: No such file or directory" >&2 && code=1; fi
done
if ((${#paths[@]} == 0)); then while read -r -a row; do show "${row[@]}"; done <"$SANDBOX_ROOT/answers/df"; fi
exit $code
