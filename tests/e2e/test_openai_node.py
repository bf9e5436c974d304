"""The official Node SDK, which dials wss: only, against Trunkline speaking TLS."""

import json
from pathlib import Path

from tests.support import speech
from tests.support.running import Running, node

SCRIPT = Path(__file__).parent / "scripts" / "sdk.mjs"


def test_a_text_turn_and_an_audio_turn(secure: Running, tmp_path: Path) -> None:
    (tmp_path / "sdk.mjs").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "speech.pcm").write_bytes(speech.load("cards"))
    env = {
        "BASE_URL": f"{secure.url}/v1/gateway/oai",
        "HELICONE_API_KEY": secure.key,
        "NODE_EXTRA_CA_CERTS": str(secure.ca),
        "SPEECH": str(tmp_path / "speech.pcm"),
    }
    said = json.loads(node(tmp_path / "sdk.mjs", env).splitlines()[-1])
    assert said["audioBytes"] > speech.BYTES_PER_MS * 500
    call = secure.sealed(said["callId"])
    answers = [line["text"] for line in call["transcript"] if line["role"] == "assistant"]
    assert answers == [said["text"], said["transcript"]]
