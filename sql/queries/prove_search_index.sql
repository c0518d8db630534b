-- Write down what the index finds, in its own comment, which goes when it goes.
-- A comment takes no parameter: `soloface.proof` is set before.
do $$
begin
    execute format(
        'comment on index users_face_search is %L', current_setting('soloface.proof')
    );
end
$$
