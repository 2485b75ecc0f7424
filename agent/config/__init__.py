"""Settings and declarations: from files to frozen values."""

from agent.config.problem import Problem
from agent.config.raising import ConfigError, load_settings, load_workflows, parse_workflows, workflow_files
from agent.config.secret import Secret
from agent.config.settings import Settings
from agent.config.workflow import looks_like_workflow, schema

# No `load` here: the name is that of the module, which others import by it.
__all__ = [
    "ConfigError",
    "Problem",
    "Secret",
    "Settings",
    "load_settings",
    "load_workflows",
    "looks_like_workflow",
    "parse_workflows",
    "schema",
    "workflow_files",
]
