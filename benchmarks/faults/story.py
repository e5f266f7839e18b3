"""What became of each execution and each of its orders, for whoever looks into a finding."""

from collections.abc import Iterator

from sqlalchemy import select

from backend.core.database import transaction
from backend.executions.models import Execution, LineageRecord
from backend.portfolio.orders.models import Order, OrderQuestion, OrderTransition
from backend.strategies.models import Strategy


def tell() -> Iterator[str]:
    with transaction() as session:
        names = dict(session.execute(select(Strategy.id, Strategy.name)).all())
        for execution in session.scalars(select(Execution).order_by(Execution.id)).all():
            name = names.get(execution.strategy_id)
            yield f"{name}, execution {execution.id} {execution.symbol}: {execution.reason}"
            records = select(LineageRecord).where(LineageRecord.execution_id == execution.id)
            for record in session.scalars(records.order_by(LineageRecord.sequence)):
                if record.step in ("place_orders", "reconcile") or record.outcome:
                    told = f"{record.step} {record.status} {record.reason_code}: {record.reason}"
                    yield f"  {record.recorded_at:%H:%M:%S} {told}"
        for order in session.scalars(select(Order).order_by(Order.id)).all():
            yield f"{order.client_order_id} of {order.execution_id}: {order.state} {order.reason}"
            steps = select(OrderTransition).where(OrderTransition.order_id == order.id)
            for step in session.scalars(steps.order_by(OrderTransition.id)):
                yield f"  {step.at:%H:%M:%S} {step.by}: {step.after}, {step.sentence}"
            asked = select(OrderQuestion).where(OrderQuestion.order_id == order.id)
            for question in session.scalars(asked.order_by(OrderQuestion.id)):
                told = f"{question.message_ids} {question.answer} by {question.answered_by}"
                yield f"  {question.asked_at:%H:%M:%S} asked {told}"
