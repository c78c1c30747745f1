package main

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"switchyard/client"
	"switchyard/config"
)

// bashFunctions are what the script for bash takes from the package bash-completion, which
// not every system has.
//
//go:embed completion.bash
var bashFunctions string

// shells are those that completion is written for.
var shells = map[string]func(root *cobra.Command, e *env) error{
	"bash": func(root *cobra.Command, e *env) error {
		e.printf("%s", bashFunctions)
		return root.GenBashCompletionV2(e.stdout, true)
	},
	"zsh":  func(root *cobra.Command, e *env) error { return root.GenZshCompletion(e.stdout) },
	"fish": func(root *cobra.Command, e *env) error { return root.GenFishCompletion(e.stdout, true) },
}

// completion prints a script by which a shell asks this program what could come next.
func completion(_ context.Context, e *env, _ *config.Values, operands []string) int {
	generate, ok := shells[operands[0]]
	if !ok {
		return e.fail(&config.UsageError{Msg: fmt.Sprintf("there is no completion for %q, but for bash, zsh and fish",
			operands[0])})
	}
	if err := generate(completed(e), e); err != nil {
		return e.fail(err)
	}
	return exitOK
}

// complete answers such a script.
func complete(args []string, e *env) int {
	root := completed(e)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		return e.fail(err)
	}
	return exitOK
}

// completed is the table of commands for the library that completes command lines.
func completed(e *env) *cobra.Command {
	root := &cobra.Command{Use: "switchyard", CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		SilenceErrors: true, SilenceUsage: true}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // the table has one
	for i := range commands {
		root.AddCommand(commands[i].completed())
	}
	return root
}

func (c *command) completed() *cobra.Command {
	k := &cobra.Command{Use: c.name, Short: c.summary, Run: func(*cobra.Command, []string) {}}
	for _, name := range append([]string{"config"}, c.settings...) {
		s, _ := config.Lookup(name)
		if s.Kind == config.Bool {
			k.Flags().Bool(s.Flag(), false, s.Usage)
			continue
		}
		k.Flags().String(s.Flag(), "", s.Usage)
		_ = k.RegisterFlagCompletionFunc(s.Flag(), func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			if len(s.Choices) > 0 {
				return s.Choices, cobra.ShellCompDirectiveNoFileComp
			}
			return c.values(k, s.ValueName())
		}) // fails only if there is no such flag
	}
	k.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		words := strings.Fields(c.operands)
		if len(args) >= len(words) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.values(k, strings.Trim(words[len(args)], "[].…"))
	}
	for i := range c.commands {
		k.AddCommand(c.commands[i].completed())
	}
	return k
}

// values completes a value of a kind: the word that usages and settings have for it.
func (c *command) values(k *cobra.Command, kind string) ([]string, cobra.ShellCompDirective) {
	switch kind {
	case "DIR":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case "FILE", "FILE|NAME":
		return nil, cobra.ShellCompDirectiveDefault
	case "SHELL":
		return slices.Sorted(maps.Keys(shells)), cobra.ShellCompDirectiveNoFileComp
	case "COMMAND":
		return commandNames(k.Flags().Args()), cobra.ShellCompDirectiveNoFileComp
	}
	return c.served(k)[kind], cobra.ShellCompDirectiveNoFileComp
}

// served is what the Switchyard has that the flags so far name, by the kind.
func (c *command) served(k *cobra.Command) map[string][]string {
	var flags []string
	k.Flags().Visit(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name+"="+f.Value.String()) })
	v, _, err := config.Parse(c.settings, flags, config.OS)
	if err != nil || !slices.Contains(c.settings, "data") {
		return nil
	}
	ep, err := client.Read(v.String("data"))
	if err != nil {
		return nil
	}
	names := map[string][]string{}
	for _, n := range ep.Namespaces {
		names["NAMESPACE"] = append(names["NAMESPACE"], n.Name)
		names["QUEUE"] = append(names["QUEUE"], n.Queues...)
		names["ENTITY"] = slices.Concat(names["ENTITY"], n.Queues, n.Topics, n.Subscriptions)
	}
	for _, f := range ep.Factories {
		names["FACTORY"] = append(names["FACTORY"], f.Name)
		names["PIPELINE"] = append(names["PIPELINE"], f.Pipelines...)
		names["TRIGGER"] = append(names["TRIGGER"], f.Triggers...)
	}
	return names
}

// commandNames are what help can be asked for behind the words so far.
func commandNames(words []string) (names []string) {
	list := commands
	if len(words) > 0 {
		c, rest := find(words)
		if c == nil || len(rest) > 0 {
			return nil
		}
		list = c.commands
	}
	for _, c := range list {
		names = append(names, c.name+"\t"+c.summary)
	}
	return names
}
