# What contributors run. Once: python3 -m venv .venv && .venv/bin/pip install -e '.[test,dev]'; then: .venv/bin/just test

set windows-shell := ["powershell.exe", "-NoLogo", "-Command"]

bin := if os_family() == "windows" { ".venv/Scripts" } else { ".venv/bin" }
folder := if os_family() == "windows" { "Scripts" } else { "bin" }
fast := "-n 2 --dist worksteal -m 'not slow and not browser'"
documents := "README.md tdm/README.md"

# List the recipes
default:
    @{{ bin }}/just --list

# Write the code in the one format
format:
    {{ bin }}/ruff check --fix-only .
    {{ bin }}/ruff format tdm api

# Lint, format and layers
lint:
    {{ bin }}/ruff check .
    {{ bin }}/ruff format --check tdm api
    {{ bin }}/lint-imports

# Types
types:
    {{ bin }}/mypy

# The fast tests: no browser, nothing that takes seconds
test:
    {{ bin }}/python -m pytest {{ fast }}

# Every test, as the README and CI run them
test-all:
    {{ bin }}/python -m tests.install_browser
    {{ bin }}/python -m pytest -n 2 --dist worksteal

# The fast tests with the oldest versions that pyproject.toml allows, on the oldest Python
test-oldest:
    {{ bin }}/python -m tests.environment .venv-oldest --python 3.11 --oldest-versions
    .venv-oldest/{{ folder }}/python -m pytest {{ fast }}

# The fast tests on another Python with the newest versions, such as: just test-python 3.13
test-python version:
    {{ bin }}/python -m tests.environment .venv-{{ version }} --python {{ version }}
    .venv-{{ version }}/{{ folder }}/python -m pytest {{ fast }}

# Write the tables of the READMEs from the code
docs:
    {{ bin }}/python -m cogapp -P -r {{ documents }}

# Say which tables of the READMEs are not those of the code
docs-check:
    {{ bin }}/python -m cogapp -P --check {{ documents }}

# Bring the catalogues of translated messages up to date with the code
messages:
    {{ bin }}/python -m tests.messages update

# Which answers of the corpus changed; --accept writes the new ones down
corpus *arguments:
    {{ bin }}/python -m tests.corpus {{ arguments }}

# The studies among the tests at their whole size (some ten minutes)
studies:
    TDM_STUDIES=1 {{ bin }}/python -m pytest -n 2 --dist worksteal tests/test_always.py tests/test_false_alarms.py tests/test_posterior.py tests/test_mode.py

# Speed, as ratios measured in one run
bench:
    {{ bin }}/python -m tests.benchmark
