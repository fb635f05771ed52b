"""Carrying a plan out, on a function in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from planner.apply import PUTS, READS, apply
from planner.clock import ManualClock
from planner.errors import FCError, FCRefused, FCServerError, FCThrottled, FCUnreachable, StoreError, UnsafePlan
from planner.fc.memory import MemoryFunctionCompute
from planner.outcome import OutcomeKind
from planner.plan import Plan, Rule
from planner.provision import ProvisionConfig
from tests.apply.conftest import Applying, Meddled, MemoryAudit, holding
from tests.builders import FUNCTION, NOON, a_breach, a_plan

BY_HAND = ProvisionConfig(default_target=9)
CUT = FCUnreachable("the connection was cut")


class TestTheGoodWay:
    def test_the_wanted_document_is_put_and_the_outcome_says_applied(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        outcome = applying()

        assert outcome.kind is OutcomeKind.APPLIED
        assert fc.documents[FUNCTION].config == a_plan().wanted
        assert (outcome.live_before, outcome.live_after) == (a_plan().live.digest, a_plan().wanted.digest)

    def test_the_audit_says_the_same_with_who_and_when(self, applying: Applying, audit: MemoryAudit) -> None:
        outcome = applying()

        assert audit.last == outcome
        assert (audit.rows[0].who, audit.rows[0].at, audit.rows[0].forced) == ("zhang.wei", NOON, False)

    def test_the_intent_is_recorded_before_anything_is_asked_of_fc(
        self, fc: MemoryFunctionCompute, clock: ManualClock
    ) -> None:
        class FullDisk(MemoryAudit):
            def begin(self, plan: Plan, *, who: str, at: datetime, forced: bool) -> int:
                raise StoreError("no space left on the device")

        with pytest.raises(StoreError):
            Applying(fc, FullDisk(), clock)()

        assert fc.calls == []

    def test_the_live_document_is_read_right_before_the_put_and_right_after_it(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        applying()

        actions = [call.action for call in fc.calls]
        assert actions == ["GetProvisionConfig", "PutProvisionConfig", "GetProvisionConfig"]

    def test_a_function_without_a_document_gets_its_first(self, applying: Applying, fc: MemoryFunctionCompute) -> None:
        fc.documents.clear()

        outcome = applying(a_plan(live=ProvisionConfig(), live_exists=False), follow=timedelta())

        assert outcome.kind is OutcomeKind.APPLIED

    def test_applying_again_sends_nothing(self, applying: Applying, fc: MemoryFunctionCompute) -> None:
        applying()

        outcome = applying()

        assert outcome.kind is OutcomeKind.UNCHANGED
        assert len(fc.puts()) == 1

    def test_progress_is_told_in_words(self, fc: MemoryFunctionCompute, audit: MemoryAudit, clock: ManualClock) -> None:
        said: list[str] = []

        apply(a_plan(), fc=fc, audit=audit, clock=clock, who="ci", progress=said.append)

        assert said == ["reading what FC holds for asr-gpu:prod", "sending the document", "reading back"]


class TestRefusingAndStaleness:
    def test_an_unsafe_plan_is_refused_with_every_breach_and_nothing_is_asked(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        plan = a_plan(breaches=(a_breach(Rule.DROP), a_breach(Rule.STALE)))

        with pytest.raises(UnsafePlan) as caught:
            applying(plan)

        assert len(caught.value.breaches) == 2
        assert "drop_too_deep, history_stale" in audit.last.message
        assert audit.last.kind is OutcomeKind.REFUSED
        assert fc.calls == []

    def test_force_passes_and_is_on_record(self, applying: Applying, audit: MemoryAudit) -> None:
        outcome = applying(a_plan(breaches=(a_breach(),)), force=True)

        assert outcome.kind is OutcomeKind.APPLIED
        assert "Forced past drop_too_deep" in outcome.message
        assert audit.rows[0].forced

    def test_a_plan_past_its_validity_is_stale_and_nothing_is_asked(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        outcome = applying(a_plan(valid_until=NOON - timedelta(seconds=1)))

        assert outcome.kind is OutcomeKind.STALE
        assert fc.calls == []

    def test_a_document_changed_since_makes_the_plan_stale_and_is_left_alone(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        holding(BY_HAND)(fc)

        outcome = applying()

        assert outcome.kind is OutcomeKind.STALE
        assert "defaultTarget 9 instead of 4" in outcome.message
        assert fc.puts() == ()
        assert audit.last == outcome

    @pytest.mark.parametrize(
        ("live_exists", "words"), [(True, "the document was removed"), (False, "a document was set")]
    )
    def test_a_document_that_came_or_went_makes_the_plan_stale(
        self, applying: Applying, fc: MemoryFunctionCompute, live_exists: bool, words: str
    ) -> None:
        if live_exists:
            fc.documents.clear()

        outcome = applying(a_plan(live_exists=live_exists))

        assert (outcome.kind, words in outcome.message) == (OutcomeKind.STALE, True)

    def test_a_difference_in_target_alone_is_none(self, applying: Applying, fc: MemoryFunctionCompute) -> None:
        fc.documents[FUNCTION] = replace(fc.documents[FUNCTION], target=17)

        assert applying().kind is OutcomeKind.APPLIED

    def test_two_writers_at_the_same_moment_make_the_plan_stale(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        busy = FCRefused("busy", code="ConcurrentUpdateError", status=409)
        fc.fail_next(busy, action="PutProvisionConfig")

        outcome = applying()

        assert outcome.kind is OutcomeKind.STALE
        assert outcome.live_after == a_plan().live.digest

    def test_the_other_of_two_writers_may_have_written_the_same(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        busy = FCRefused("busy", code="ConcurrentUpdateError", status=409)
        fc.fail_next(busy, action="PutProvisionConfig")

        outcome = replace(applying, fc=Meddled(fc, {3: holding(a_plan().wanted)}))()

        assert outcome.kind is OutcomeKind.APPLIED


class TestWithoutAClearAnswer:
    def test_a_put_that_had_its_effect_is_applied_and_not_sent_again(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        fc.fail_next(CUT, action="PutProvisionConfig", after_effect=True)

        assert applying().kind is OutcomeKind.APPLIED
        assert len(fc.puts()) == 1

    @pytest.mark.parametrize("error", [CUT, FCServerError("down")])
    def test_a_put_without_effect_is_sent_again(
        self, applying: Applying, fc: MemoryFunctionCompute, error: FCError
    ) -> None:
        fc.fail_next(error, action="PutProvisionConfig")

        assert applying().kind is OutcomeKind.APPLIED
        assert len(fc.puts()) == 2

    def test_after_the_last_try_it_failed_and_the_old_document_is_named(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        for _ in range(PUTS):
            fc.fail_next(CUT, action="PutProvisionConfig")

        with pytest.raises(FCUnreachable):
            applying()

        assert len(fc.puts()) == PUTS
        assert audit.last.kind is OutcomeKind.FAILED
        assert "still holds the document from before: the connection was cut" in audit.last.message
        assert audit.last.live_after == a_plan().live.digest

    def test_when_reading_back_fails_too_what_fc_holds_is_said_to_be_unknown(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        fc.fail_next(CUT, action="PutProvisionConfig", after_effect=True)
        meddled = Meddled(fc, {3: lambda port: port.fail_next(CUT)})

        with pytest.raises(FCUnreachable):
            replace(applying, fc=meddled)()

        assert (audit.last.kind, audit.last.live_after) == (OutcomeKind.FAILED, "")
        assert "isn't known" in audit.last.message

    def test_a_third_document_is_drift(self, applying: Applying, fc: MemoryFunctionCompute) -> None:
        fc.fail_next(CUT, action="PutProvisionConfig")

        outcome = replace(applying, fc=Meddled(fc, {3: holding(BY_HAND)}))()

        assert outcome.kind is OutcomeKind.DRIFTED
        assert len(fc.puts()) == 1


class TestReadingBack:
    def test_another_document_is_drift_and_the_difference_is_named(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        outcome = replace(applying, fc=Meddled(fc, {3: holding(BY_HAND)}))()

        assert outcome.kind is OutcomeKind.DRIFTED
        assert "defaultTarget 9 instead of 2" in outcome.message
        assert outcome.live_after == BY_HAND.digest
        assert audit.last == outcome

    def test_a_late_replica_is_waited_for(self, applying: Applying, fc: MemoryFunctionCompute) -> None:
        late = Meddled(fc, {3: holding(a_plan().live), 4: holding(a_plan().wanted)})

        assert replace(applying, fc=late)().kind is OutcomeKind.APPLIED

    def test_the_old_document_after_a_confirmed_put_is_drift(
        self, applying: Applying, fc: MemoryFunctionCompute
    ) -> None:
        outcome = replace(applying, fc=Meddled(fc, {3: holding(a_plan().live)}))()

        assert outcome.kind is OutcomeKind.DRIFTED
        assert len(fc.calls) == 2 + READS


class TestWhateverHappens:
    @pytest.mark.parametrize(
        ("error", "kind"), [(FCThrottled("slow down"), OutcomeKind.FAILED), (FCRefused("no"), OutcomeKind.REFUSED)]
    )
    def test_a_refused_put_left_everything_as_it_was(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit, error: FCError, kind: OutcomeKind
    ) -> None:
        fc.fail_next(error, action="PutProvisionConfig")

        with pytest.raises(type(error)):
            applying()

        assert (audit.last.kind, audit.last.live_after) == (kind, a_plan().live.digest)
        assert audit.last.message == f"Nothing was written: {error.message}"

    def test_a_failed_first_read_sent_nothing(
        self, applying: Applying, fc: MemoryFunctionCompute, audit: MemoryAudit
    ) -> None:
        fc.fail_next(CUT)

        with pytest.raises(FCUnreachable):
            applying()

        assert (audit.last.kind, audit.last.live_after) == (OutcomeKind.FAILED, "")
        assert audit.last.message == "Nothing was sent: the connection was cut"

    @pytest.mark.parametrize(
        ("at_call", "kind", "words"),
        [
            (1, OutcomeKind.FAILED, "Nothing was sent"),
            (2, OutcomeKind.FAILED, "isn't known"),
            (3, OutcomeKind.FAILED, "isn't known"),
            (4, OutcomeKind.APPLIED, "FC holds the wanted document"),
        ],
        ids=["before the read", "before the put", "before the read-back", "while following"],
    )
    def test_ctrl_c_closes_the_row_with_what_was_true_then(
        self, applying: Applying, fc: MemoryFunctionCompute, at_call: int, kind: OutcomeKind, words: str
    ) -> None:
        def interrupt(_: MemoryFunctionCompute) -> None:
            raise KeyboardInterrupt

        fc.set_instances(FUNCTION, current=0)
        with pytest.raises(KeyboardInterrupt):
            replace(applying, fc=Meddled(fc, {at_call: interrupt}))()

        assert (applying.audit.last.kind, words in applying.audit.last.message) == (kind, True)

    def test_the_text_of_a_foreign_error_stays_out_of_the_record(self, applying: Applying, audit: MemoryAudit) -> None:
        def break_down(_: MemoryFunctionCompute) -> None:
            raise RuntimeError("secret=hunter2")

        with pytest.raises(RuntimeError):
            replace(applying, fc=Meddled(MemoryFunctionCompute({}), {1: break_down}))()

        assert audit.last.message == "Nothing was sent: broken off by RuntimeError"
