-- Makes the logins of docker-compose.yml, as the database's superuser, at each start. Another run
-- changes only the passwords, which come from the environment.
--
-- The one for the web process has no password, and so cannot log in, unless one is given.
--
-- By hand: OWNER_PASSWORD=… WORKER_PASSWORD=… REVIEWER_PASSWORD=… psql -v ON_ERROR_STOP=1 -1 -f logins.sql
\getenv owner_password OWNER_PASSWORD
\getenv worker_password WORKER_PASSWORD
\set reviewer_password ''
\getenv reviewer_password REVIEWER_PASSWORD

-- Only a superuser may do this.
create extension if not exists vector;

-- The roles that sql/migrations grants rights to; the owner of the tables may not make roles.
select format('create role %I nologin', wanted)
from unnest(array[
    'soloface_worker', 'soloface_enroller', 'soloface_auditor', 'soloface_eraser',
    'soloface_reviewer'
]) as wanted
where to_regrole(wanted) is null
\gexec
select format('create role %I login', wanted)
from unnest(array['photo_owner', 'photo_worker', 'photo_reviewer']) as wanted
where to_regrole(wanted) is null
\gexec
alter role photo_owner password :'owner_password';
alter role photo_worker password :'worker_password';
alter role photo_reviewer password :'reviewer_password';
grant soloface_worker to photo_worker;
grant soloface_reviewer to photo_reviewer;

-- Only where people are enrolled by messages.
\getenv people_password PEOPLE_PASSWORD
\if :{?people_password}
select :'people_password' <> '' as has_people \gset
\else
\set has_people false
\endif
\if :has_people
select 'create role photo_people login' where to_regrole('photo_people') is null
\gexec
alter role photo_people password :'people_password';
grant soloface_enroller, soloface_eraser to photo_people;
\endif

alter schema public owner to photo_owner;
-- What the superuser made, before there was an owner or for the platform: migrations alter it.
select format('alter table %s owner to photo_owner', pg_class.oid::regclass)
from pg_class
where relnamespace = 'public'::regnamespace
    and relkind in ('r', 'p')
    and relowner = current_user::regrole
    and not exists (
        select from pg_depend
        where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e'
    )
order by pg_class.oid
\gexec
