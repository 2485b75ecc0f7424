"""GOV-01: a workflow without owner, on-call or runbook."""
