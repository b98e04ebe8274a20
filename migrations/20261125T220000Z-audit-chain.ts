import { sql, type Kysely } from 'kysely';

/**
 * The audit trail becomes a hash chain to which rows can only be added: each row holds the hash of the one before it, so that
 * an altered, removed or inserted row breaks the chain where it stands. Writers take turns, from their insert to the end of
 * their transaction, and `seq` is given out in that turn: it has neither a gap nor two rows of one predecessor.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
alter table audit alter column seq drop identity, add column prev_hash bytea, add column hash bytea;

-- what src/db/audit-chain.ts computes again, without asking this function
create function audit_hash(prev_hash bytea, seq bigint, at timestamptz, actor text, action text, target text, details jsonb)
returns bytea language sql stable as $$
  select sha256(prev_hash || convert_to(jsonb_build_array(seq, extract(epoch from at), actor, action, target, details)::text, 'UTF8'))
$$;

do $$
declare
  entry audit;
  last_hash bytea := '';
  last_seq bigint := 0;
begin
  for entry in select * from audit order by seq loop
    last_seq := last_seq + 1;
    -- upwards in their order: a row's new number is free by then
    update audit set seq = last_seq, prev_hash = last_hash,
      hash = audit_hash(last_hash, last_seq, entry.at, entry.actor, entry.action, entry.target, entry.details)
      where seq = entry.seq returning hash into last_hash;
  end loop;
end $$;
alter table audit alter column prev_hash set not null, alter column hash set not null;

create function audit_append() returns trigger language plpgsql as $$
declare
  before audit;
begin
  -- held to the end of the transaction; the next writer then sees this row. Always a transaction's last lock.
  perform pg_advisory_xact_lock(hashtext('swarmbid.audit'));
  select * into before from audit order by seq desc limit 1;
  new.seq := coalesce(before.seq, 0) + 1;
  new.at := clock_timestamp();
  new.prev_hash := coalesce(before.hash, '');
  new.hash := audit_hash(new.prev_hash, new.seq, new.at, new.actor, new.action, new.target, new.details);
  return new;
end $$;
create trigger audit_append before insert on audit for each row execute function audit_append();

create function audit_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit trail is append-only: % refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_refuse_change();
`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
drop trigger audit_append_only on audit;
drop trigger audit_append on audit;
drop function audit_refuse_change(), audit_append(), audit_hash(bytea, bigint, timestamptz, text, text, text, jsonb);
alter table audit drop column hash, drop column prev_hash, alter column seq add generated always as identity;
select setval(pg_get_serial_sequence('audit', 'seq'), coalesce(max(seq), 0) + 1, false) from audit;
`.execute(db);
}
