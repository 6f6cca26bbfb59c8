"""Whether the service answers."""
import time
import urllib.request

for wait in range(50):
    try:
        with urllib.request.urlopen("http://localhost:8000/health", timeout=2) as answer:
            raise SystemExit(answer.status != 200)
    except OSError:
        time.sleep(0.1)
raise SystemExit("nothing answers")
