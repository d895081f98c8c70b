#!/usr/bin/env bash
# Lists the lines of code, comments and Markdown that have more than 100 columns, and fails if it
# finds one. It skips lines that cannot be wrapped: tables of Markdown, samples of JSON in Markdown,
# and lines with a URL. It also skips files that nobody writes by hand, the code of
# others, licences and test inputs.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly KINDS=(
    '*.rs' '*.js' '*.mjs' '*.ts' '*.css' '*.html' '*.sh' '*.toml' '*.md' '*.yml' '*.yaml'
    Makefile .ci/run .gitattributes .gitignore
)
readonly SKIPPED=(
    ':!protocol/samples' ':!fuzz/corpus' ':!fuzz/regressions' ':!third-party/cryptoki'
)

# shellcheck disable=SC2016
list_long_lines() {
    git ls-files -z --cached --others --exclude-standard -- "${KINDS[@]}" "${SKIPPED[@]}" |
        xargs -0 perl -CSD -lne '
            BEGIN { $failed = 0 }
            $json = /^\s*```json/ if /^\s*```/;
            my $table = $ARGV =~ /\.md$/ && /^\s*\|/;
            if (length > 100 && !$json && !$table && !m{\w://}) {
                print "$ARGV:$.: " . length() . " columns";
                $failed = 1;
            }
            if (eof) { close ARGV; $json = 0 }
            END { $? = $failed }
        '
}

if ! list_long_lines; then
    echo "check: wrap these lines at 100 columns." >&2
    exit 1
fi
