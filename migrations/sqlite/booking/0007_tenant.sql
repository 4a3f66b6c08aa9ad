-- What a tenant sets for itself, as JSON: what is absent is as the operator has it. The version counts its changes.
alter table businesses add column settings text not null default '{}';
alter table businesses add column version integer not null default 1;

-- Who changed what, from where: never changed itself. A row without a business is the operator's.
create table audit_log (
    id integer primary key,
    business_id integer references businesses (id),
    at integer not null,
    actor text not null constraint audit_log_actor check (actor in ('user', 'client', 'api_key', 'system')),
    actor_id integer,
    -- The operator who acted in somebody's name.
    impersonator_id integer references users (id),
    address text,
    request_id text,
    entity text not null,
    entity_id integer not null,
    action text not null,
    old text,
    new text
) strict;
create index audit_log_business on audit_log (business_id, id);
create index audit_log_entity on audit_log (business_id, entity, entity_id, id);
create trigger audit_log_append_only_update before update on audit_log
begin
    select raise(abort, 'audit_log_append_only');
end;
create trigger audit_log_append_only_delete before delete on audit_log
begin
    select raise(abort, 'audit_log_append_only');
end;
