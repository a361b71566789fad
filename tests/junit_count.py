# SPDX-License-Identifier: Apache-2.0
"""junit_count.py FILE - "passed failed skipped" of pytest's junit file."""
import sys
import xml.etree.ElementTree as ET

total = failed = skipped = 0
for suite in ET.parse(sys.argv[1]).getroot().iter("testsuite"):
    total += int(suite.get("tests"))
    failed += int(suite.get("failures")) + int(suite.get("errors"))
    skipped += int(suite.get("skipped"))
print(total - failed - skipped, failed, skipped)
