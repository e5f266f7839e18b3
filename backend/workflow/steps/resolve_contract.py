from backend.brokers.base import Contract
from backend.workflow.steps.base import StepData, Tools, Touches, step


class Input(StepData):
    symbol: str


class Output(StepData):
    contract: Contract


@step("resolve_contract", input=Input, output=Output, touches=Touches.OUTSIDE)
def resolve_contract(input: Input, tools: Tools) -> Output:
    """Which instrument the symbol means: conid, exchange, currency, tick, lot, trading hours."""
    return Output(contract=tools.market.resolve(input.symbol))
