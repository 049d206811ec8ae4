# Completion of scgi-wsgi in fish, made of the command's table of options.
function __scgi_wsgi_takes_options
    set -l option
    for word in (commandline -opc)[2..-1]
        if set -q option[1]
            set option
        else if contains -- $word -b --bind --front-end --log-format --access-log --access-log-format -p --path -t --model -m --pdm -w --workers --request-timeout --queue-timeout --max-requests --max-rss --body-buffer --graceful-timeout --config -l -T
            set option $word
        else if not string match -q -- '-*' $word
            return 1
        end
    end
end
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s h -l help -d 'print this text'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l version -d 'print the version'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s A -l application -d 'use the object `application` of the module, as mod_wsgi does, instead of calling its wmain(ARGS...)'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s L -l leave-logging -d 'leave Python\'s logging alone'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s b -l bind -x -d 'serve HTTP at ADDRESS, with a front end that this command becomes'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l front-end -x -d 'options of that front end, in one word: \'--processes 2 --access-log -\''
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l log-format -x -a 'text json' -d 'lines of the log, on standard error or in syslog'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l access-log -r -F -d 'log each request to FILE'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l access-log-format -x -a 'common combined json' -d 'combined, common, json, json:FIELD,... or text with fields like {client} {status}'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l request-id -d 'give each request an id that the front end hasn\'t given one'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l otel -d 'make spans and metrics of requests by OpenTelemetry, as the variables OTEL_* say'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l server-timing -d 'tell browsers how long a request has waited and run'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s p -l path -x -a '(__fish_complete_directories)' -d 'look for modules in MODPATH first'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s t -l model -x -a 'free rplex single pool' -d 'free[:max=N[,timeout=SECONDS]], pool[:max=N][,timeout=SECONDS], rplex[:max=N], or single'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s m -l pdm -r -F -d 'open a debug socket: PATH[:MODE[:GROUP]]'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s w -l workers -x -a 'auto' -d 'serve with N processes, or one for each processor'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l request-timeout -x -d 'end requests that take longer, with 504 if nothing was sent yet'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l queue-timeout -x -d 'answer requests with 503 at once that have waited longer before they were received'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l max-requests -x -d 'replace a worker after N requests, and up to JITTER more'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l max-rss -x -d 'replace a worker that uses more memory'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l body-buffer -x -d 'set up to so much of a request\'s body aside while its response is written'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l content-length -d 'receive bodies without a length before the application is called, and tell it'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l graceful-timeout -x -d 'how long running requests may take when the program stops'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l reload -d 'for development: load the application again when a file of it changes'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l config -r -F -d 'read options from a TOML file, by their names'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -l check-config -d 'load the application, say what would be served, and exit'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s l -x -d 'has no effect'
complete -c scgi-wsgi -n __scgi_wsgi_takes_options -s T -x -d 'scgi-wsgi: take SCGI requests there, as --bind'
