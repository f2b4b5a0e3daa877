"""An agent, a tool and a guardrail for lobu_jupyter; docs/extending.md tells the three."""


class Parrot:
    """An agent: made with the worker's settings; yields AG-UI events."""

    name = "parrot"
    description = "Says what you say."

    def __init__(self, settings): ...

    async def run(self, task, kernel):
        message = {"messageId": f"parrot-{task.run_id}"}
        yield {"type": "TEXT_MESSAGE_START", "role": "assistant", **message}
        yield {"type": "TEXT_MESSAGE_CONTENT", "delta": task.messages[-1]["content"], **message}
        yield {"type": "TEXT_MESSAGE_END", **message}


def weather(city: str, days: int = 1) -> dict:
    """The weather of the next days in a city."""
    return {"city": city, "days": ["sunny"] * days}


weather.approval = False  # it changes nothing: no question before each call


async def no_secrets(text: str, where: str) -> None:
    """A guardrail: raises to refuse what a person is about to send."""
    if "BEGIN PRIVATE KEY" in text:
        raise ValueError(f"there is a private key in the {where}")
