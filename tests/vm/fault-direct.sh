# shellcheck shell=sh
# vm: --append spectre_v2=off
# machine: x86_64
# The same where the kernel calls by register instead of by retpoline, as most processors of today have it do: the call
# that enters generated code is shorter then.
. /host/fault.sh
