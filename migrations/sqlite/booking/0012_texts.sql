-- The texts that a tenant words itself, as JSON: {"confirmation": {"ru": "…"}}.
alter table businesses add column texts text not null default '{}';
