# Completion of ashd-dirplex in fish, made of the command's table of options.
complete -c ashd-dirplex -s h -l help -d 'show this help message and exit'
complete -c ashd-dirplex -s N -l no-global -d 'don\'t read the global dirplex.rc'
complete -c ashd-dirplex -s c -l config -r -F -d 'also read this configuration file'
complete -c ashd-dirplex -l strict -d 'don\'t start with a configuration of which something would be left out: unknown directives, missing files, lines and words too many'
complete -c ashd-dirplex -l log-format -x -a 'text json' -d 'lines of the log'
complete -c ashd-dirplex -l version -d 'print the version, and exit'
complete -c ashd-dirplex -x -a '(__fish_complete_directories)'
