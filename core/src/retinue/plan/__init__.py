"""RunSpec and registry -> Plan: names resolved, then parameters checked."""

from retinue.plan.plan import Plan, PlannedComponent, PlannedDataset, make_plan

__all__ = ["Plan", "PlannedComponent", "PlannedDataset", "make_plan"]
