-- Why the tags change that this transaction writes, and by whose word; the triggers ask for it.
select set_config('soloface.cause', %(cause)s, true), set_config('soloface.by', %(by)s, true)
