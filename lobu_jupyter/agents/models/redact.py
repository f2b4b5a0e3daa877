"""Removal of the server's own secrets from each request to a model, just before it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelMessagesTypeAdapter

if TYPE_CHECKING:
    from pydantic_ai import RunContext
    from pydantic_ai.models import ModelRequestContext

    from lobu_jupyter.model.redaction import Redactor


@dataclass
class Redacting(AbstractCapability[None]):
    """A capability that removes the secrets from messages and instructions. The gateway redacts the journal."""

    redactor: Redactor

    async def before_model_request(
        self, ctx: RunContext[Any], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        raw = ModelMessagesTypeAdapter.dump_json(request_context.messages)
        clean = self.redactor.raw(raw)
        messages = request_context.messages if clean is raw else ModelMessagesTypeAdapter.validate_json(clean)
        parameters = request_context.model_request_parameters
        parts = [
            replace(part, content=self.redactor.text(part.content))
            for part in parameters.instruction_parts or []
        ]
        if parts:
            parameters = replace(parameters, instruction_parts=parts)
        return replace(request_context, messages=messages, model_request_parameters=parameters)
